//! `GET /api/v1/meta`

use axum::Json;
use axum::extract::State;

use crate::error::Problem;
use crate::state::AppState;
use crate::wire::meta::MetaResponse;

/// What a page needs before anybody has signed in.
#[utoipa::path(
    get, path = "/api/v1/meta", tag = "server", operation_id = "meta",
    responses((status = 200, body = MetaResponse, description = "About this server"))
)]
pub(super) async fn read(State(state): State<AppState>) -> Result<Json<MetaResponse>, Problem> {
    let first_start = !state.first_account.exists(&*state.store).await?;
    Ok(Json(MetaResponse {
        name: "Rejoinder",
        version: state.config.version,
        first_start,
        registration: state.config.registration.into(),
        setup_code_required: first_start && state.first_account.needs_code(),
        password_reset_command: "rejoinder user passwd EMAIL",
    }))
}
