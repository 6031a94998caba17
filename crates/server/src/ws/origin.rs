//! Whether a request comes from our own page.
//!
//! Browsers name the page's origin; programs name none, and have no cookies to misuse. Everything
//! else (`null`, foreign, look-alike) is refused.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

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
    let Some(theirs) = Origin::parse(origin) else {
        return false;
    };
    if let Some(url) = public_url {
        return Origin::public(url).is_some_and(|ours| ours == theirs);
    }
    let ours = !theirs.https && theirs.is_loopback() && theirs.port == listen.port();
    // A page that made its own name point here would say so in `Host`.
    ours && host.is_none_or(|host| {
        Origin::parse(&format!("http://{host}")).is_some_and(|host| host.is_loopback())
    })
}

/// Scheme, host and port of a page. As text it is what browsers send: lower case, addresses in their
/// usual form, and the port only where it is not the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    https: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// Of an address that people type, such as `https://chat.example.org`: `None` for one that names
    /// more than an origin, or one that no browser would send.
    #[must_use]
    pub fn public(url: &str) -> Option<Self> {
        let (_, rest) = url.split_once("://")?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let alone = !authority.contains(['/', '?', '#']);
        Self::parse(url).filter(|origin| alone && origin.port != 0)
    }

    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether the name is this machine's own, for whoever types it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let address = self.host.trim_start_matches('[').trim_end_matches(']');
        self.host == "localhost"
            || address
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }

    /// Of `scheme://host[:port][/…]`; `None` for anything unusual.
    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (https, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (false, 80),
            "https" => (true, 443),
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
        let host = usual_host(host)?;
        Some(Self { https, host, port })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { https, host, port } = self;
        let (scheme, usual) = if *https { ("https", 443) } else { ("http", 80) };
        write!(f, "{scheme}://{host}")?;
        if *port != usual {
            write!(f, ":{port}")?;
        }
        Ok(())
    }
}

/// The one spelling of a host that browsers use; `None` where they would write another, such as
/// `xn--…` for letters beyond ASCII.
fn usual_host(host: &str) -> Option<String> {
    if let Some(address) = host.strip_prefix('[') {
        let address: Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    let named = host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if host.is_empty() || !named {
        return None;
    }
    let host = host.to_ascii_lowercase();
    let last = host.trim_end_matches('.').rsplit('.').next()?;
    // What ends in a number is an address, and browsers spell `127.1` in full.
    let number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    let spelled = !number || host.parse::<Ipv4Addr>().is_ok();
    spelled.then_some(host)
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

    #[test]
    fn a_public_address_is_one_that_browsers_send() {
        for (typed, sent) in [
            ("https://chat.example.org", "https://chat.example.org"),
            ("HTTPS://Chat.Example/", "https://chat.example"),
            ("https://chat.example:443", "https://chat.example"),
            ("http://192.168.1.5:8080", "http://192.168.1.5:8080"),
            ("http://[0:0:0:0:0:0:0:1]:80/", "http://[::1]"),
            ("https://xn--cht-qla.example", "https://xn--cht-qla.example"),
        ] {
            let origin = Origin::public(typed).map(|origin| origin.to_string());
            assert_eq!(origin.as_deref(), Some(sent), "{typed}");
        }
        for bad in [
            "",
            "chat.example.org",
            "https://",
            "https:///",
            "ftp://a",
            "https://a/b",
            "https://a//",
            "https://a?b",
            "https://a#b",
            "https://u@a",
            "https://a b",
            "https://a:",
            "https://a:abc",
            "https://a:0",
            "https://a:65536",
            "https://ch\u{e4}t.example",
            "https://[::1",
            "https://[a.b]",
            "http://127.1",
            "http://0x7f000001",
        ] {
            assert_eq!(Origin::public(bad), None, "{bad}");
        }
    }

    #[test]
    fn loopback_is_known_by_its_names() {
        let loopback = |url: &str| Origin::public(url).is_some_and(|origin| origin.is_loopback());
        assert!(loopback("http://localhost:8080") && loopback("https://[::1]"));
        assert!(!loopback("http://localhost.example") && !loopback("http://10.0.0.1"));
    }
}
