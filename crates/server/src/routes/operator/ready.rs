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
    // A store that was well when last used is asked no more than that; one that wasn't is tried.
    let health = match state.store.health() {
        Health::Ready => Health::Ready,
        Health::NotWritable(_) => state.store.probe().await,
        broken @ Health::Broken(_) => broken,
    };
    match health {
        Health::Ready => Ok(Json(HealthResponse { status: "ready" })),
        Health::NotWritable(reason) | Health::Broken(reason) => {
            tracing::warn!(%reason, "not ready");
            Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "not_writable",
                "The store can't be written. The log says why.",
            )
            .retry_after(5))
        }
    }
}
