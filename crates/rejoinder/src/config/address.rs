//! Addresses: the one to listen on, and the one that people type.

use std::net::SocketAddr;

use anyhow::{Result, anyhow};
use serde::{Deserialize, Deserializer, de};
use server::Origin;

const ALLOWED: &str = "it must be an IP address and a port, such as 127.0.0.1:8080, [::1]:8080 or \
                       0.0.0.0:8080; names such as localhost are not looked up";

/// Of a flag or its variable, whose name and value are said beside it.
pub fn listen(text: &str) -> Result<SocketAddr, String> {
    text.trim().parse().map_err(|_| ALLOWED.to_owned())
}

/// Of the file.
pub fn listen_in_file<'de, D>(deserializer: D) -> Result<Option<SocketAddr>, D::Error>
where
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    let address = listen(&text).map_err(|why| format!("listen is `{text}`; {why}"));
    address.map(Some).map_err(de::Error::custom)
}

/// As browsers will name it: what they would not send is refused here, not at the first login.
pub fn public_url(url: &str) -> Result<String> {
    let origin = Origin::public(url.trim()).ok_or_else(|| {
        anyhow!(
            "public_url is `{url}`; it must be http:// or https://, a host and perhaps a port, as \
             browsers write them, such as https://chat.example.org (letters beyond ASCII as xn--…, \
             IP addresses in full)"
        )
    })?;
    Ok(origin.to_string())
}

/// Passwords would cross a network without TLS.
pub fn is_plain(public_url: &str) -> bool {
    Origin::public(public_url).is_some_and(|origin| !origin.is_https() && !origin.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_urls_are_what_browsers_send() {
        assert_eq!(
            public_url(" HTTPS://Chat.example.org:443/ ").unwrap(),
            "https://chat.example.org"
        );
        for bad in [
            "chat.example.org",
            "http://a:abc",
            "https://ch\u{e4}t.example",
            "",
        ] {
            let said = public_url(bad).unwrap_err().to_string();
            assert!(
                said.contains(bad) && said.contains("https://chat"),
                "{said}"
            );
        }
    }

    #[test]
    fn http_is_plain_unless_it_stays_on_this_machine() {
        for plain in ["http://chat.example", "http://192.168.1.5:8080"] {
            assert!(is_plain(plain), "{plain}");
        }
        for safe in [
            "https://chat.example",
            "http://localhost:8080",
            "http://[::1]",
        ] {
            assert!(!is_plain(safe), "{safe}");
        }
    }
}
