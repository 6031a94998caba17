//! The outermost layer.

use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;
use tracing::Instrument;

use super::headers;
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
    let method = request.method().clone();
    // The label of metrics and logs is the route, never the path as it came: it has few values, and
    // neither ids nor secrets.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "(other)".to_owned(), |path| path.as_str().to_owned());
    request.extensions_mut().insert(RequestId(id.clone()));
    let span = tracing::info_span!("request", request_id = %id, %method, route = %route);

    let response = next.run(request).instrument(span.clone()).await;
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
        ("method", method.to_string()),
        ("route", route),
        ("status", status.as_u16().to_string()),
    ];
    metrics::counter!("rejoinder_http_requests_total", &labels).increment(1);
    metrics::histogram!("rejoinder_http_request_seconds", &labels[..2]).record(elapsed);
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::info!(status = status.as_u16(), millis, "answered"));
    response
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
