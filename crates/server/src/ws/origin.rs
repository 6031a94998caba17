//! Whether a request comes from our own page.
//!
//! Browsers name the page's origin; programs name none, and have no cookies to misuse. Everything
//! else (`null`, foreign, look-alike) is refused.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};

use crate::state::ServerConfig;

/// Whether what the headers say of the page is right. Absent is right.
pub(crate) fn allowed(config: &ServerConfig, headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => true,
        (Some(origin), None) => origin.to_str().is_ok_and(|origin| {
            is_ours(
                config.public_url.as_deref(),
                config.listen,
                host(headers),
                origin,
            )
        }),
        (Some(_), Some(_)) => false,
    }
}

/// Like [`allowed`], for requests that a cookie authenticates: another site of the same host or a
/// cross-site request is refused by what the browser says of it as well.
pub(crate) fn same_origin(config: &ServerConfig, headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(|value| value.as_bytes());
    matches!(site, None | Some(b"same-origin" | b"none")) && allowed(config, headers)
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(HOST).and_then(|host| host.to_str().ok())
}

fn is_ours(public_url: Option<&str>, listen: SocketAddr, host: Option<&str>, origin: &str) -> bool {
    if let Some(url) = public_url {
        return origin_of(url).is_some_and(|ours| origin_of(origin) == Some(ours));
    }
    let Some((scheme, name, port)) = origin_of(origin) else {
        return false;
    };
    let ours = scheme == "http" && is_loopback(&name) && port == listen.port();
    // A page that made its own name point here would say so in `Host`.
    ours && host.is_none_or(|host| {
        origin_of(&format!("http://{host}")).is_some_and(|(_, name, _)| is_loopback(&name))
    })
}

fn is_loopback(name: &str) -> bool {
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Scheme, host and port of `scheme://host[:port][/…]`; `None` for anything unusual.
fn origin_of(url: &str) -> Option<(String, String, u16)> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            let plain = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            (host, plain.then(|| port.parse().ok()).flatten()?)
        }
        _ => (authority, default_port),
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let named = host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let usual = !host.is_empty() && (named || bracketed);
    usual.then(|| (scheme, host.to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen() -> SocketAddr {
        "127.0.0.1:8080".parse().unwrap()
    }

    #[test]
    fn without_a_public_address_loopback_names_on_the_port_are_ours() {
        for origin in [
            "http://localhost:8080",
            "http://127.0.0.1:8080",
            "http://127.0.0.2:8080",
            "http://[::1]:8080",
            "http://LOCALHOST:8080",
        ] {
            assert!(
                is_ours(None, listen(), Some("localhost:8080"), origin),
                "{origin}"
            );
        }
        for origin in [
            "null",
            "",
            "http://localhost",
            "http://localhost:8081",
            "https://localhost:8080",
            "http://localhost:80800",
            "http://localhost:8080.evil.example",
            "http://localhost.evil.example:8080",
            "http://127.0.0.1.evil.example:8080",
            "http://evil.example:8080",
            "http://evil.example/localhost:8080",
            "http://localhost:8080@evil.example",
            "http://evil.example#localhost:8080",
            "http://user@localhost:8080",
            "http://localhost\u{2024}evil.example:8080",
            "http://10.0.0.1:8080",
            "http://0x7f.1:8080",
            "http://2130706433:8080",
            "ws://localhost:8080",
            "file://",
            "http://",
            "http://:8080",
            "http://[::1:8080",
            "http://localhost:+8080",
        ] {
            assert!(
                !is_ours(None, listen(), Some("localhost:8080"), origin),
                "{origin}"
            );
        }
    }

    #[test]
    fn a_name_that_was_made_to_point_here_is_not_ours() {
        let origin = "http://localhost:8080";
        assert!(!is_ours(None, listen(), Some("evil.example:8080"), origin));
        assert!(is_ours(None, listen(), Some("[::1]:8080"), origin));
        assert!(is_ours(None, listen(), None, origin));
    }

    #[test]
    fn with_a_public_address_only_its_origin_is() {
        let url = Some("https://Chat.example/");
        assert!(is_ours(url, listen(), None, "https://chat.example"));
        assert!(is_ours(url, listen(), None, "https://chat.example:443"));
        for origin in [
            "http://chat.example",
            "https://chat.example:8443",
            "https://chat.example.evil.example",
            "https://evil-chat.example",
            "https://sub.chat.example",
            "https://chat.example.",
            "http://localhost:8080",
            "null",
        ] {
            assert!(!is_ours(url, listen(), None, origin), "{origin}");
        }
    }
}
