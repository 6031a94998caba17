//! JSON bodies.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::error::Problem;
use crate::limits::{BODY_BYTES, BODY_READ};
use crate::state::AppState;

/// A JSON object. Malformed: 400; not JSON by its type: 415; the wrong shape: 422 with a pointer.
pub(crate) struct Json<T>(pub(crate) T);

/// Like [`Json`], and no body at all means the default.
pub(crate) struct OptionalJson<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<AppState> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &AppState) -> Result<Self, Problem> {
        require_json(request.headers())?;
        parse(&read(request).await?).map(Self)
    }
}

impl<T: DeserializeOwned + Default> FromRequest<AppState> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &AppState) -> Result<Self, Problem> {
        let json = require_json(request.headers());
        let bytes = read(request).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        json?;
        parse(&bytes).map(Self)
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let essence = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|essence| essence.trim().to_ascii_lowercase());
    match essence.as_deref() {
        Some("application/json") => Ok(()),
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Send JSON, with the header `Content-Type: application/json`.",
        )),
    }
}

fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        format!("The body may have at most {BODY_BYTES} bytes."),
    )
}

async fn read(request: Request<Body>) -> Result<Bytes, Problem> {
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > BODY_BYTES) {
        return Err(too_large());
    }
    let body = Limited::new(request.into_body(), BODY_BYTES).collect();
    match tokio::time::timeout(BODY_READ, body).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed_json",
            format!("The body could not be read: {error}."),
        )),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "request_timeout",
            "The body did not arrive in time.",
        )),
    }
}

pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let malformed = |error: &serde_json::Error| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed_json",
            format!("Not JSON: {error}."),
        )
    };
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_some_and(|byte| *byte != b'{') {
        // A list would be taken for an object whose members come in order.
        return Err(
            match serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
                Ok(_) => Problem::invalid("", "The body must be a JSON object."),
                Err(error) => malformed(&error),
            },
        );
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let pointer = pointer(error.path());
        let inner = error.into_inner();
        if !inner.is_data() {
            return malformed(&inner);
        }
        // Reading stops at the first wrong value; what follows may not even be JSON.
        match serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
            Ok(_) => Problem::invalid(&pointer, sentence(&inner.to_string())),
            Err(error) => malformed(&error),
        }
    })?;
    json.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => String::new(),
        })
        .collect()
}

/// serde's message without its position, which means nothing to a user.
fn sentence(message: &str) -> String {
    let text = message.split(" at line ").next().unwrap_or(message);
    let mut chars = text.chars();
    let first = chars
        .next()
        .map(|c| c.to_uppercase().to_string())
        .unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::wire::send::MessageCreate;
    use crate::wire::todo::TodoCreate;

    #[derive(Debug, Deserialize)]
    struct Tags {
        #[expect(dead_code, reason = "only its type matters")]
        tags: Vec<String>,
    }

    fn refusal<T: DeserializeOwned>(body: &str) -> (u16, String, String) {
        let Err(problem) = parse::<T>(body.as_bytes()) else {
            panic!("accepted: {body}")
        };
        let pointer = problem
            .errors
            .first()
            .map(|e| e.pointer.clone())
            .unwrap_or_default();
        (problem.status.as_u16(), problem.code.to_owned(), pointer)
    }

    #[test]
    fn what_is_not_json_is_a_400() {
        let deep = format!("{}{}", "{\"a\":".repeat(100_000), "1");
        let lists = "[".repeat(100_000);
        for body in [
            "",
            "{",
            "{\"content\":}",
            "{} x",
            "nonsense",
            "{\"content\":\"\\ud800\"}",
            &deep,
            &lists,
        ] {
            let (status, code, _) = refusal::<MessageCreate>(body);
            assert_eq!(
                (status, code.as_str()),
                (400, "malformed_json"),
                "{:.40}",
                body
            );
        }
    }

    #[test]
    fn the_wrong_shape_is_a_422_with_its_place() {
        for (body, place) in [
            ("{}", ""),
            ("[]", ""),
            ("[\"content\"]", ""),
            ("\"x\"", ""),
            ("null", ""),
            ("{\"content\":1}", "/content"),
            ("{\"content\":null}", "/content"),
            ("{\"content\":\"a\",\"parent_id\":\"x\"}", "/parent_id"),
            ("{\"content\":\"a\",\"parent_id\":1e30}", "/parent_id"),
            ("{\"content\":\"a\",\"on_busy\":\"never\"}", "/on_busy"),
            ("{\"content\":\"a\",\"content\":\"b\"}", ""),
        ] {
            let (status, code, pointer) = refusal::<MessageCreate>(body);
            assert_eq!((status, code.as_str()), (422, "validation"), "{body}");
            assert!(pointer == place || place.is_empty(), "{body}: {pointer}");
        }
        assert_eq!(refusal::<Tags>("{\"tags\":[\"a\",2]}").2, "/tags/1");
    }

    #[test]
    fn unknown_members_are_ignored_where_the_seed_plan_did_and_refused_elsewhere() {
        assert!(parse::<MessageCreate>(b"{\"content\":\"a\",\"user_id\":2}").is_ok());
        assert_eq!(
            refusal::<TodoCreate>("{\"title\":\"a\",\"user_id\":2}").0,
            422
        );
    }

    #[test]
    fn optional_members_may_be_null() {
        let body = br#"{"content":"a","conversation_id":null,"parent_id":null,"on_busy":null}"#;
        assert!(parse::<MessageCreate>(body).is_ok());
    }
}
