//! The header that makes a write safe to repeat.

use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;
use domain::limits::IDEMPOTENCY_KEY_BYTES;

use super::Check;
use crate::error::Problem;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// `Idempotency-Key`, where it was sent.
pub(crate) struct IdempotencyHeader(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyHeader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(IDEMPOTENCY_KEY) else {
            return Ok(Self(None));
        };
        let bytes = value.as_bytes();
        let mut check = Check::default();
        check.ensure(
            (1..=IDEMPOTENCY_KEY_BYTES).contains(&bytes.len())
                && bytes.iter().all(u8::is_ascii_graphic),
            "",
            "`Idempotency-Key` must have 1 to 128 visible ASCII characters.",
        );
        check.done()?;
        Ok(Self(Some(String::from_utf8_lossy(bytes).into_owned())))
    }
}
