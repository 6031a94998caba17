//! Errors on the wire.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// One refused value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer into the body, or `?name` for a query parameter.
    #[schema(example = "/content")]
    pub pointer: String,
    pub message: String,
}

/// RFC 9457, `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemResponse {
    /// `urn:rejoinder:problem:<code>`
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    /// One or two sentences that say what to do.
    pub detail: String,
    /// Stable; the list is in the description of this API.
    #[schema(example = "not_found")]
    pub code: String,
    pub request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<FieldError>>,
    /// `run_active` and `run_awaiting_approval`: `run_id`, `head_message_id`. Error frames:
    /// `client_message_id` where one is answered.
    #[serde(flatten)]
    #[schema(ignore)]
    pub extra: Map<String, Value>,
}
