//! `GET /metrics`

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;

use crate::auth::extractor::bearer;
use crate::auth::same_secret;
use crate::error::Problem;
use crate::extract::Peer;
use crate::state::AppState;

/// Headers by which a proxy says that the request comes from somewhere else.
const FORWARDED: [&str; 3] = ["forwarded", "x-forwarded-for", "x-real-ip"];

/// Prometheus text: with the operator's token, or from this machine where no token is set.
#[utoipa::path(
    get, path = "/metrics", tag = "server", operation_id = "metrics",
    responses((status = 200, body = String, content_type = "text/plain", description = "Prometheus text"))
)]
pub(super) async fn read(
    State(state): State<AppState>,
    Peer(peer): Peer,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let allowed = match &state.config.metrics_token {
        Some(token) => bearer(&headers)
            .is_some_and(|given| same_secret(token.expose_secret().as_bytes(), given.as_bytes())),
        None => {
            let forwarded = FORWARDED.iter().any(|name| headers.contains_key(*name));
            state.config.listen.ip().is_loopback() && peer.is_loopback() && !forwarded
        }
    };
    if !allowed {
        return Err(Problem::not_found());
    }
    let text = (state.config.metrics_render)();
    Ok((
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response())
}
