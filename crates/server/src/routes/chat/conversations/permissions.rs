//! `GET /api/v1/chat/conversations/{conversation_id}/permissions`,
//! `DELETE /api/v1/chat/conversations/{conversation_id}/permissions/{tool_name}`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ConversationId;

use crate::auth::Account;
use crate::error::Problem;
use crate::extract::{PathId, PathIds, ToolName};
use crate::state::AppState;
use crate::wire::permission::PermissionsResponse;

/// The tools whose calls are not asked for in this conversation.
#[utoipa::path(
    get, path = "/api/v1/chat/conversations/{conversation_id}/permissions", tag = "chat",
    operation_id = "list_permissions",
    params(("conversation_id" = String, Path, format = Uuid)),
    responses((status = 200, body = PermissionsResponse, description = "By tool name"))
)]
pub(super) async fn list(
    account: Account,
    State(state): State<AppState>,
    PathId(id): PathId<ConversationId>,
) -> Result<Json<PermissionsResponse>, Problem> {
    let permissions = state.store.permissions(account.id(), id).await?;
    Ok(Json(PermissionsResponse {
        permissions: permissions.into_iter().map(Into::into).collect(),
    }))
}

/// Has a tool ask again in this conversation.
#[utoipa::path(
    delete, path = "/api/v1/chat/conversations/{conversation_id}/permissions/{tool_name}",
    tag = "chat", operation_id = "revoke_permission",
    params(("conversation_id" = String, Path, format = Uuid), ("tool_name" = String, Path)),
    responses((status = 204, description = "Later calls are asked for"))
)]
pub(super) async fn revoke(
    account: Account,
    State(state): State<AppState>,
    PathIds(id, ToolName(tool)): PathIds<ConversationId, ToolName>,
) -> Result<StatusCode, Problem> {
    state
        .store
        .revoke_permission(account.id(), id, &tool, state.now())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
