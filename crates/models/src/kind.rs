//! What kind of failure an upstream means, by the names and words that providers use.

use agent::ports::ModelErrorKind as Kind;
use serde_json::Value;

/// By the names that providers give to their errors, in `type`, `code` or `status`.
pub(crate) fn kind_of_error_object(error: &Value) -> Option<Kind> {
    let mut found = None;
    for key in ["type", "code", "status"] {
        let kind = match error.get(key) {
            Some(Value::String(name)) => kind_of_name(&name.to_ascii_lowercase()),
            Some(Value::Number(code)) => match code.as_u64() {
                Some(401 | 403) => Some(Kind::Auth),
                Some(429 | 529) => Some(Kind::RateLimited),
                Some(400..=499) => Some(Kind::Refused),
                _ => None,
            },
            _ => None,
        };
        // A general name must not hide a precise one: `invalid_request_error` often comes with
        // `context_length_exceeded`.
        match kind {
            Some(Kind::Refused) => found = found.or(kind),
            Some(_) => return kind,
            None => {}
        }
    }
    found
}

fn kind_of_name(name: &str) -> Option<Kind> {
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    if has(&[
        "context_length",
        "exceed_context",
        "context_window",
        "prompt_too_long",
    ]) {
        Some(Kind::ContextTooLong)
    } else if has(&["insufficient_quota", "billing"]) {
        Some(Kind::Refused)
    } else if has(&[
        "rate_limit",
        "overloaded",
        "resource_exhausted",
        "unavailable",
        "too_many",
    ]) {
        Some(Kind::RateLimited)
    } else if has(&[
        "authentication",
        "permission",
        "invalid_api_key",
        "unauthenticated",
    ]) {
        Some(Kind::Auth)
    } else if has(&["invalid_request", "invalid_argument", "failed_precondition"]) {
        Some(Kind::Refused)
    } else {
        None
    }
}

pub(crate) fn says_too_long(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    [
        "context length",
        "context window",
        "context size",
        "prompt is too long",
        "too many tokens",
        "input token count",
        "maximum number of tokens",
    ]
    .iter()
    .any(|words| message.contains(words))
}
