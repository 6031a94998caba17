//! `GET /api/v1/meta`

use std::sync::atomic::Ordering;

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
    let first_start = !has_users(&state).await?;
    Ok(Json(MetaResponse {
        name: "Rejoinder",
        version: state.config.version,
        first_start,
        registration: state.config.registration.into(),
        setup_code_required: first_start && state.config.setup_code.is_some(),
        password_reset_command: "rejoinder user passwd EMAIL",
    }))
}

/// Whether there is an account. Once there is one the store isn't asked again, until one is deleted.
pub(super) async fn has_users(state: &AppState) -> Result<bool, Problem> {
    if state.has_users.load(Ordering::Relaxed) {
        return Ok(true);
    }
    let any = state.store.has_users().await?;
    state.has_users.store(any, Ordering::Relaxed);
    Ok(any)
}
