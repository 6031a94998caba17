//! `GET /api/v1/chat/conversations/{conversation_id}`

use axum::Json;
use axum::extract::State;
use domain::ConversationId;

use crate::auth::Account;
use crate::error::Problem;
use crate::extract::PathId;
use crate::state::AppState;
use crate::wire::conversation::ConversationResponse;

/// One conversation.
#[utoipa::path(
    get, path = "/api/v1/chat/conversations/{conversation_id}", tag = "chat",
    operation_id = "read_conversation", params(("conversation_id" = String, Path, format = Uuid)),
    responses((status = 200, body = ConversationResponse, description = "The conversation"))
)]
pub(super) async fn read(
    account: Account,
    State(state): State<AppState>,
    PathId(id): PathId<ConversationId>,
) -> Result<Json<ConversationResponse>, Problem> {
    Ok(Json(
        state.store.conversation(account.id(), id).await?.into(),
    ))
}
