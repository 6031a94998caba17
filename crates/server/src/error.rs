//! Problems: what a client is told when something can't be done (RFC 9457).
//!
//! Handlers answer a [`Problem`]; the outermost layer gives it its request id and its body. Text
//! for the operator stays in the log.

mod codes;

use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::{RunState, StoreError};
use serde_json::Value;

use crate::wire::problem::{FieldError, ProblemResponse};

pub use codes::CODES;

/// An error as a client sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    pub status: StatusCode,
    pub code: &'static str,
    pub detail: String,
    pub errors: Vec<FieldError>,
    /// Further members of the document.
    pub extra: Vec<(&'static str, Value)>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            extra: Vec::new(),
            headers: Vec::new(),
        }
    }

    #[must_use]
    pub fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "There is nothing here, or it is not yours.",
        )
    }

    #[must_use]
    pub fn forbidden(detail: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "Sign in: the access token is missing, wrong or has expired.",
        )
        .header(
            WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"rejoinder\""),
        )
    }

    /// What was checked is a part of what was sent: its pointers begin there.
    #[must_use]
    pub fn below(mut self, part: &str) -> Self {
        for error in &mut self.errors {
            error.pointer.insert_str(0, part);
        }
        self
    }

    #[must_use]
    pub fn validation(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [one] => one.message.clone(),
            _ => "Some of the values are not allowed.".to_owned(),
        };
        Self {
            errors,
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "validation", detail)
        }
    }

    #[must_use]
    pub fn invalid(pointer: &str, message: impl Into<String>) -> Self {
        Self::validation(vec![FieldError {
            pointer: pointer.to_owned(),
            message: message.into(),
        }])
    }

    #[must_use]
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    #[must_use]
    pub fn rate_limited(seconds: u64) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limited",
            format!("Too often. Try again in {seconds} s."),
        )
        .retry_after(seconds)
    }

    #[must_use]
    pub fn draining() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "draining",
            "The server is restarting. Try again in a moment.",
        )
        .retry_after(2)
    }

    #[must_use]
    pub fn unreadable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unreadable",
            "Nothing can be read now. Nothing is lost; try again in a moment.",
        )
        .retry_after(5)
    }

    /// A defect. `reason` goes to the log.
    #[must_use]
    pub fn internal(reason: impl std::fmt::Display) -> Self {
        tracing::error!(%reason, "internal error");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on the server. Its operator finds the reason in the log, under \
             this request id.",
        )
    }

    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.extra.push((name, value.into()));
        self
    }

    /// The document, for a response or an `error` frame.
    #[must_use]
    pub fn document(&self, request_id: &str) -> ProblemResponse {
        ProblemResponse {
            kind: format!("urn:rejoinder:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            code: self.code.to_owned(),
            request_id: request_id.to_owned(),
            errors: (!self.errors.is_empty()).then(|| self.errors.clone()),
            extra: self
                .extra
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        }
    }
}

impl IntoResponse for Problem {
    /// The body is written by [`crate::middleware::observe`], which knows the request id.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::not_found(),
            StoreError::RunActive {
                run_id,
                state,
                head,
            } => {
                let (code, detail) = if state == RunState::AwaitingApproval {
                    (
                        "run_awaiting_approval",
                        "The last answer waits for your approval.",
                    )
                } else {
                    (
                        "run_active",
                        "The last answer is still being written. Stop it or wait.",
                    )
                };
                Self::conflict(code, detail)
                    .with("run_id", run_id.to_string())
                    .with(
                        "head_message_id",
                        head.map_or(Value::Null, |id| id.0.into()),
                    )
            }
            StoreError::KeyReused => Self::conflict(
                "idempotency_key_reused",
                "This key was already used for a different request.",
            ),
            StoreError::Gone => Self::new(
                StatusCode::GONE,
                "gone",
                "What this key made was deleted since.",
            ),
            StoreError::Conflict { code, detail } => Self::conflict(code, detail),
            // Nobody but the agent's driver holds a fence.
            StoreError::FenceLost => Self::internal("a handler lost a fence"),
            StoreError::Stopped => Self::internal("a handler met the stop of a run"),
            StoreError::NotWritable(reason) => {
                tracing::warn!(%reason, "the store can't be written");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "not_writable",
                    "Nothing can be stored now. Nothing was changed; try again in a moment.",
                )
                .retry_after(5)
            }
            StoreError::Unknown(reason) => {
                tracing::error!(%reason, "the outcome of a write is unknown");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "outcome_unknown",
                    "It is not known whether this was stored. Repeat it with the same key.",
                )
                .retry_after(2)
            }
            StoreError::Internal(reason) => Self::internal(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_active_run_names_itself_and_the_head() {
        let run_id = domain::RunId(uuid::Uuid::nil());
        let problem = Problem::from(StoreError::RunActive {
            run_id,
            state: RunState::Running,
            head: Some(domain::MessageId(7)),
        });
        assert_eq!(
            serde_json::to_value(problem.document("r")).unwrap(),
            serde_json::json!({
                "type": "urn:rejoinder:problem:run_active",
                "title": "Conflict",
                "status": 409,
                "detail": "The last answer is still being written. Stop it or wait.",
                "code": "run_active",
                "request_id": "r",
                "run_id": run_id.to_string(),
                "head_message_id": 7,
            })
        );
    }

    #[test]
    fn the_text_of_a_defect_stays_in_the_log() {
        let problem = Problem::from(StoreError::Internal("no such table: users".to_owned()));
        assert!(
            !serde_json::to_string(&problem.document("r"))
                .unwrap()
                .contains("table")
        );
        assert_eq!(problem.status, StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn every_code_is_documented_once() {
        let mut codes: Vec<_> = CODES.iter().map(|(code, _)| code).collect();
        let count = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), count);
    }
}
