//! `GET /api/v1/models`

use axum::Json;
use axum::extract::State;

use crate::auth::Account;
use crate::state::AppState;
use crate::wire::model::ModelsResponse;

/// The models that may be chosen.
#[utoipa::path(
    get, path = "/api/v1/models", tag = "models", operation_id = "list_models",
    responses((status = 200, body = ModelsResponse, description = "The default first"))
)]
pub(super) async fn list(_: Account, State(state): State<AppState>) -> Json<ModelsResponse> {
    let models = state
        .agent
        .models
        .list()
        .await
        .into_iter()
        .map(Into::into)
        .collect();
    Json(ModelsResponse {
        models,
        default: state.agent.models.default_id(),
    })
}
