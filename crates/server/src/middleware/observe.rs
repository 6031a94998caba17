//! The outermost layer.

use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;
use tracing::Instrument;

use super::{framing, headers};
use crate::error::Problem;
use crate::extract::RequestId;
use crate::state::AppState;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const VERSION: HeaderName = HeaderName::from_static("x-rejoinder-version");

pub(crate) async fn observe(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = state.ids.uuid().to_string();
    let begun = Instant::now();
    let method = known(request.method());
    // The label of metrics and logs is the route, never the path as it came: it has few values, and
    // neither ids nor secrets.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "(other)".to_owned(), |path| path.as_str().to_owned());
    request.extensions_mut().insert(RequestId(id.clone()));
    let span = tracing::info_span!("request", request_id = %id, method, route = %route);

    let response = match framing::check(request.headers()) {
        Ok(()) => next.run(request).instrument(span.clone()).await,
        Err(problem) => problem.into_response(),
    };
    let mut response = with_problem(response, &id);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
        .headers_mut()
        .insert(VERSION, HeaderValue::from_static(state.config.version));
    headers::apply(response.headers_mut(), state.is_https());

    let status = response.status();
    let elapsed = begun.elapsed();
    let labels = [
        ("method", method.to_owned()),
        ("route", route),
        ("status", status.as_u16().to_string()),
    ];
    metrics::counter!("rejoinder_http_requests_total", &labels).increment(1);
    metrics::histogram!("rejoinder_http_request_seconds", &labels[..2]).record(elapsed);
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::info!(status = status.as_u16(), millis, "answered"));
    response
}

/// A label has few values; a client can make up any number of methods.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "(other)",
    }
}

/// Writes the body of a problem, and makes one of a bare refusal by the router.
fn with_problem(mut response: Response, id: &str) -> Response {
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None => match bare(&response) {
            Some(problem) => problem,
            None => return response,
        },
    };
    let kept = std::mem::take(response.headers_mut());
    let mut written = (problem.status, Json(problem.document(id))).into_response();
    let headers = written.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    for (name, value) in problem.headers {
        headers.append(name, value);
    }
    if let Some(allow) = kept.get(axum::http::header::ALLOW) {
        headers.insert(axum::http::header::ALLOW, allow.clone());
    }
    written
}

fn bare(response: &Response) -> Option<Problem> {
    let status = response.status();
    match status {
        StatusCode::METHOD_NOT_ALLOWED => Some(Problem::new(
            status,
            "method_not_allowed",
            "This path has no such method; the header `Allow` names those that it has.",
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_method_makes_no_label_of_its_own() {
        assert_eq!(known(&Method::PATCH), "PATCH");
        let made_up = Method::from_bytes(b"X17").unwrap();
        assert_eq!(known(&made_up), "(other)");
    }
}
