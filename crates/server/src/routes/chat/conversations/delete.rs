//! `DELETE /api/v1/chat/conversations/{conversation_id}`

use axum::Json;
use axum::extract::State;
use domain::ConversationId;

use crate::auth::Account;
use crate::error::Problem;
use crate::extract::PathId;
use crate::state::AppState;
use crate::wire::conversation::DeletedResponse;

/// Deletes a conversation with everything of it, and stops its run.
#[utoipa::path(
    delete, path = "/api/v1/chat/conversations/{conversation_id}", tag = "chat",
    operation_id = "delete_conversation",
    params(("conversation_id" = String, Path, format = Uuid)),
    responses((status = 200, body = DeletedResponse, description = "Nothing of it remains"))
)]
pub(super) async fn delete(
    account: Account,
    State(state): State<AppState>,
    PathId(id): PathId<ConversationId>,
) -> Result<Json<DeletedResponse>, Problem> {
    for run_id in state.store.delete_conversation(account.id(), id).await? {
        state.agent.cancelled(run_id);
    }
    Ok(Json(DeletedResponse {
        message: "Conversation deleted successfully",
    }))
}
