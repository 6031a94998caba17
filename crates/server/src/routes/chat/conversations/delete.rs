//! `DELETE /api/v1/chat/conversations/{conversation_id}`

use axum::Json;
use axum::extract::State;
use domain::{ConversationId, StoreError};

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
    responses((status = 200, body = DeletedResponse, description = "Nothing of it remains, except for 30 days the keys that its messages were sent under"))
)]
pub(super) async fn delete(
    account: Account,
    State(state): State<AppState>,
    PathId(id): PathId<ConversationId>,
) -> Result<Json<DeletedResponse>, Problem> {
    // A caller that goes away has deleted it all the same, and its run's driver learns of it now.
    let (task, user_id) = (state.clone(), account.id());
    let deleted = state.config.tracker.spawn(async move {
        let runs = task.store.delete_conversation(user_id, id).await?;
        runs.into_iter().for_each(|run| task.agent.cancelled(run));
        Ok::<_, StoreError>(())
    });
    deleted.await.map_err(Problem::internal)??;
    Ok(Json(DeletedResponse {
        message: "Conversation deleted successfully",
    }))
}
