//! `GET /api/v1/models`

use agent::ports::ModelList;
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
    let ModelList { models, unlisted } = state.agent.models.list().await;
    Json(ModelsResponse {
        models: models.into_iter().map(Into::into).collect(),
        default: state.agent.models.default_id(),
        unlisted: unlisted.into_iter().map(Into::into).collect(),
    })
}
