//! The address of Redis.

use anyhow::{Result, ensure};
use secrecy::SecretString;

/// Checks it without showing it: it may hold a password.
pub fn url(url: Option<String>) -> Result<Option<SecretString>> {
    let Some(url) = url.filter(|url| !url.is_empty()) else {
        return Ok(None);
    };
    let rest = url
        .strip_prefix("redis://")
        .or_else(|| url.strip_prefix("rediss://"));
    let host = rest.map(|rest| {
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        authority.rsplit('@').next().unwrap_or_default().to_owned()
    });
    ensure!(
        host.is_some_and(|host| !host.is_empty() && !host.starts_with(':') && !host.contains(' ')),
        "redis_url must be redis:// or rediss:// (TLS), perhaps user:password@, a host and perhaps \
         a port, such as redis://127.0.0.1:6379"
    );
    Ok(Some(SecretString::from(url)))
}

#[cfg(test)]
mod tests {
    use super::url;

    #[test]
    fn a_host_is_needed_and_nothing_is_quoted() {
        for good in ["redis://127.0.0.1:6379", "rediss://u:p@cache.example.org/0"] {
            assert!(url(Some(good.to_owned())).unwrap().is_some(), "{good}");
        }
        assert!(url(None).unwrap().is_none());
        assert!(url(Some(String::new())).unwrap().is_none());
        for bad in [
            "127.0.0.1:6379",
            "http://a",
            "redis://",
            "redis://:6379",
            "redis://s3cret@",
        ] {
            let said = url(Some(bad.to_owned())).unwrap_err().to_string();
            assert!(
                said.contains("redis_url") && !said.contains("s3cret"),
                "{said}"
            );
        }
    }
}
