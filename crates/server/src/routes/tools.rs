//! `GET /api/v1/tools`

use axum::Json;
use axum::extract::State;

use crate::auth::Account;
use crate::state::AppState;
use crate::wire::model::ToolsResponse;

/// The tools that the agent has.
#[utoipa::path(
    get, path = "/api/v1/tools", tag = "models", operation_id = "list_tools",
    responses((status = 200, body = ToolsResponse, description = "By name"))
)]
pub(super) async fn list(_: Account, State(state): State<AppState>) -> Json<ToolsResponse> {
    let tools = state
        .agent
        .tools
        .iter()
        .map(|tool| tool.as_ref().into())
        .collect();
    Json(ToolsResponse { tools })
}
