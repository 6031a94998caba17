//! `GET /ready`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::store::Health;

use crate::error::Problem;
use crate::state::AppState;
use crate::wire::meta::HealthResponse;

/// The store can be written, and the server isn't stopping.
#[utoipa::path(
    get, path = "/ready", tag = "server", operation_id = "ready",
    responses((status = 200, body = HealthResponse, description = "Requests are welcome"))
)]
pub(super) async fn read(State(state): State<AppState>) -> Result<Json<HealthResponse>, Problem> {
    if state.config.drain.is_cancelled() {
        return Err(Problem::draining());
    }
    // What is known and no more: everybody may ask, and every open page does while nothing can be
    // stored. The process tries the store again by itself, once a second, and has logged why it couldn't.
    match state.store.health() {
        Health::Ready => Ok(Json(HealthResponse { status: "ready" })),
        Health::NotWritable(_) | Health::Broken(_) => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not_writable",
            "The store can't be written. The log says why.",
        )
        .retry_after(5)),
    }
}
