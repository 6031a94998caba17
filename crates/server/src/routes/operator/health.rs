//! `GET /health`

use axum::Json;

use crate::wire::meta::HealthResponse;

/// The process lives.
#[utoipa::path(
    get, path = "/health", tag = "server", operation_id = "health",
    responses((status = 200, body = HealthResponse, description = "The process lives"))
)]
pub(super) async fn read() -> Json<HealthResponse> {
    Json(HealthResponse { status: "ok" })
}
