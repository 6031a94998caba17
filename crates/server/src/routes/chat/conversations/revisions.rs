//! `GET /api/v1/chat/conversations/{conversation_id}/messages/{message_id}/revisions`

use axum::Json;
use axum::extract::State;
use domain::{ConversationId, MessageId};

use crate::auth::Account;
use crate::error::Problem;
use crate::extract::PathIds;
use crate::state::AppState;
use crate::wire::message::RevisionsResponse;

/// What a message said before its text started again.
#[utoipa::path(
    get, path = "/api/v1/chat/conversations/{conversation_id}/messages/{message_id}/revisions",
    tag = "chat", operation_id = "list_revisions",
    params(("conversation_id" = String, Path, format = Uuid), ("message_id" = i64, Path)),
    responses((status = 200, body = RevisionsResponse, description = "Superseded text"))
)]
pub(super) async fn list(
    account: Account,
    State(state): State<AppState>,
    PathIds(conversation, message): PathIds<ConversationId, MessageId>,
) -> Result<Json<RevisionsResponse>, Problem> {
    let revisions = state
        .store
        .revisions(account.id(), conversation, message)
        .await?;
    Ok(Json(RevisionsResponse {
        revisions: revisions.into_iter().map(Into::into).collect(),
    }))
}
