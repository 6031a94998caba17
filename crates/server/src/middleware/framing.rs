//! Bodies whose end two readers could see in different places: what a proxy in front took for a body
//! must not become a request here (RFC 9112, 6.1).

use axum::http::header::{CONNECTION, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderValue, StatusCode};

use crate::error::Problem;

/// Refuses every spelling of a coding but the one that everybody reads alike. Two lengths, and a
/// length beside a coding, are refused or settled below (hyper).
pub(super) fn check(headers: &HeaderMap) -> Result<(), Problem> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let plain = match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(one), None) => one.as_bytes().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    };
    if plain {
        return Ok(());
    }
    let problem = Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed_request",
        "`Transfer-Encoding` must be `chunked`, once, or left out.",
    );
    // What follows on the connection may be part of the body.
    Err(problem.header(CONNECTION, HeaderValue::from_static("close")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_ends_in_one_place() {
        let refused = |codings: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for coding in codings {
                headers.append(TRANSFER_ENCODING, HeaderValue::from_static(coding));
            }
            check(&headers).is_err()
        };
        assert!(!refused(&[]));
        assert!(!refused(&["Chunked"]));
        for codings in [
            &["chunked", "chunked"][..],
            &["chunked, chunked"],
            &["gzip, chunked"],
            &["identity"],
            &["identity", "chunked"],
            &[""],
        ] {
            assert!(refused(codings), "{codings:?}");
        }
    }
}
