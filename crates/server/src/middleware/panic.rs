//! A panic in a handler is a defect of ours, and one request's problem only.

use std::any::Any;

use axum::response::{IntoResponse, Response};

use crate::error::Problem;

pub(crate) fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let reason = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Problem::internal(format!("a handler panicked: {reason}")).into_response()
}
