//! The refresh token's cookie. Its name and flags depend on whether the public address speaks TLS.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

use crate::state::AppState;

/// Browsers accept the prefix only with `Secure`, `Path=/` and without `Domain`.
const SECURE_NAME: &str = "__Host-rejoinder-refresh";
const PLAIN_NAME: &str = "rejoinder-refresh";

fn name(secure: bool) -> &'static str {
    if secure { SECURE_NAME } else { PLAIN_NAME }
}

pub(crate) fn set(state: &AppState, token: &str) -> Option<HeaderValue> {
    header(state.is_https(), token, domain::limits::SESSION_MS / 1_000)
}

pub(crate) fn clear(state: &AppState) -> Option<HeaderValue> {
    header(state.is_https(), "", 0)
}

fn header(secure: bool, value: &str, max_age: i64) -> Option<HeaderValue> {
    let flag = if secure { "; Secure" } else { "" };
    let name = name(secure);
    HeaderValue::from_str(&format!(
        "{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Strict{flag}"
    ))
    .ok()
}

pub(crate) fn read<'a>(state: &AppState, headers: &'a HeaderMap) -> Option<&'a str> {
    read_named(name(state.is_https()), headers)
}

fn read_named<'a>(name: &str, headers: &'a HeaderMap) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, value)| *key == name && !value.is_empty())
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_tls_the_cookie_is_bound_to_the_host() {
        assert_eq!(
            header(true, "t", 10).unwrap(),
            "__Host-rejoinder-refresh=t; Path=/; Max-Age=10; HttpOnly; SameSite=Strict; Secure"
        );
        assert_eq!(
            header(false, "t", 10).unwrap(),
            "rejoinder-refresh=t; Path=/; Max-Age=10; HttpOnly; SameSite=Strict"
        );
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(
            COOKIE,
            HeaderValue::from_static("a=b; x-rejoinder-refresh=no"),
        );
        headers.append(
            COOKIE,
            HeaderValue::from_static("c=d; rejoinder-refresh=rj1.x; e"),
        );
        assert_eq!(read_named(PLAIN_NAME, &headers), Some("rj1.x"));
        assert_eq!(read_named(SECURE_NAME, &headers), None);
    }
}
