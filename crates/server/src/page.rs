//! The static page inside the binary.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_embed::{Embed, EmbeddedFile};
use sha2::{Digest, Sha256};

use crate::error::Problem;

/// Built by the page's own tools, with `.br` beside each file that gains by it.
#[derive(Embed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Files;

/// The version of this server with that of the page inside, such as `0.1.0+5f2c9a01`: another build of
/// the page is another version, so that a page which is open can tell that it is out of date.
#[must_use]
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let files = Files::iter().map(|name| {
            // The build names these files by their content.
            let named = name.starts_with(BY_CONTENT);
            let file = (!named).then(|| Files::get(&name)).flatten();
            let content = file.map(|file| file.metadata.sha256_hash());
            (name.into_owned(), content)
        });
        let version = env!("CARGO_PKG_VERSION");
        fingerprint(files).map_or(version.to_owned(), |page| format!("{version}+{page}"))
    });
    &VERSION
}

/// Of names and contents, whatever their order; `None` of nothing.
fn fingerprint(files: impl Iterator<Item = (String, Option<[u8; 32]>)>) -> Option<String> {
    let files: BTreeMap<_, _> = files.collect();
    let mut hash = Sha256::new();
    for (name, content) in &files {
        hash.update(name);
        hash.update([0]);
        hash.update(content.unwrap_or_default());
    }
    (!files.is_empty()).then(|| hex::encode(&hash.finalize()[..4]))
}

const BY_CONTENT: &str = "assets/";

const NOT_BUILT: &str = "The page has not been built into this server. `make run` builds both.\n\
                         The API is at /api/v1, its documentation at /docs.\n";

/// The empty document into which the page puts an image from elsewhere that the user asked for. It
/// runs nothing and shows nothing but images, and only the page may frame it.
const IMAGE_FRAME: &str = "remote-image.html";
const IMAGE_FRAME_POLICY: &str = "default-src 'none'; style-src 'self'; img-src http: https:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// Paths of programs and operators: never the page, even where nothing answers there.
const RESERVED: [&str; 6] = [
    "/api",
    "/docs",
    "/openapi.json",
    "/health",
    "/ready",
    "/metrics",
];

pub(crate) fn is_page_path(path: &str) -> bool {
    !(RESERVED.contains(&path) || path.starts_with("/api/"))
}

pub(crate) fn serve(method: &Method, path: &str, headers: &HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        let mut response = StatusCode::METHOD_NOT_ALLOWED.into_response();
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET,HEAD"));
        return response;
    }
    let name = path.trim_start_matches('/');
    if !name.is_empty() && !name.ends_with(".br") && Files::get(name).is_some() {
        return file(name, headers);
    }
    // Paths of the page's own router have no dot; a missing file must not look like the page.
    let last = name.rsplit('/').next().unwrap_or_default();
    if last.contains('.') {
        return Problem::not_found().into_response();
    }
    if Files::get("index.html").is_none() {
        return (StatusCode::NOT_FOUND, NOT_BUILT).into_response();
    }
    file("index.html", headers)
}

fn file(name: &str, headers: &HeaderMap) -> Response {
    let smaller = accepts_brotli(headers)
        .then(|| Files::get(&format!("{name}.br")))
        .flatten();
    let brotli = smaller.is_some();
    let Some(EmbeddedFile { data, metadata, .. }) = smaller.or_else(|| Files::get(name)) else {
        return Problem::not_found().into_response();
    };
    let tag = format!("\"{}\"", hex::encode(&metadata.sha256_hash()[..16]));
    let fresh = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            value
                .split(',')
                .any(|one| one.trim().trim_start_matches("W/") == tag)
        });
    let mut response = if fresh {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(match data {
            Cow::Borrowed(bytes) => Body::from(bytes),
            Cow::Owned(bytes) => Body::from(bytes),
        })
    };
    let out = response.headers_mut();
    let kind = mime_guess::from_path(name).first_or_octet_stream();
    let kind = match kind.type_() {
        mime_guess::mime::TEXT => format!("{}; charset=utf-8", kind.essence_str()),
        _ => kind.essence_str().to_owned(),
    };
    let cache = if name.starts_with(BY_CONTENT) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    if !fresh {
        if let Ok(kind) = HeaderValue::from_str(&kind) {
            out.insert(CONTENT_TYPE, kind);
        }
        if brotli {
            out.insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
        }
    }
    out.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    out.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if name == IMAGE_FRAME {
        let policy = HeaderValue::from_static(IMAGE_FRAME_POLICY);
        out.insert(CONTENT_SECURITY_POLICY, policy);
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        out.insert(ETAG, tag);
    }
    response
}

fn accepts_brotli(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| {
            let mut pieces = part.split(';').map(str::trim);
            let named = pieces
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case("br"));
            named && !pieces.any(|weight| matches!(weight, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brotli_is_used_where_it_is_wanted() {
        let accepts = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            accepts_brotli(&headers)
        };
        assert!(accepts("gzip, deflate, br"));
        assert!(accepts("br;q=0.5"));
        assert!(!accepts("gzip, br;q=0"));
        assert!(!accepts("brotli"));
    }

    #[test]
    fn another_build_of_the_page_is_another_version() {
        let page = |files: &[(&str, u8)]| {
            let files = files.iter().map(|(name, byte)| {
                let content = (*byte > 0).then_some([*byte; 32]);
                ((*name).to_owned(), content)
            });
            fingerprint(files)
        };
        let first = page(&[("index.html", 1), ("assets/a-1.js", 0)]).unwrap();
        assert_eq!(first.len(), 8);
        assert_eq!(
            page(&[("assets/a-1.js", 0), ("index.html", 1)]),
            Some(first.clone())
        );
        for other in [
            page(&[("index.html", 2), ("assets/a-1.js", 0)]),
            page(&[("index.html", 1), ("assets/a-2.js", 0)]),
            page(&[("index.html", 1)]),
        ] {
            assert!(other.is_some_and(|other| other != first));
        }
        assert_eq!(page(&[]), None);
        assert!(version().starts_with(env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn the_api_is_not_the_page() {
        assert!(is_page_path("/"));
        assert!(is_page_path("/c/018f"));
        assert!(is_page_path("/apiary"));
        assert!(!is_page_path("/api"));
        assert!(!is_page_path("/api/v1/x"));
        assert!(!is_page_path("/docs"));
    }

    #[test]
    fn a_missing_file_is_not_the_page() {
        let answer = serve(&Method::GET, "/assets/gone-123.js", &HeaderMap::new());
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        let answer = serve(&Method::POST, "/", &HeaderMap::new());
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
