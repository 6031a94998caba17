//! `PATCH, DELETE /api/v1/chat/conversations/{conversation_id}/messages/{message_id}`

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{ConversationId, MessageId, limits};

use crate::auth::Account;
use crate::error::Problem;
use crate::extract::{Check, Json, PathIds};
use crate::state::AppState;
use crate::wire::message::{MessageChange, MessageResponse};

/// Changes the text of a message that waits in the queue.
///
/// Only while its run waits behind another (`status` is `queued`); afterwards it is a 409 with the
/// code `not_queued`. A repeat of the send goes on attaching to the same run.
#[utoipa::path(
    patch, path = "/api/v1/chat/conversations/{conversation_id}/messages/{message_id}",
    tag = "chat", operation_id = "change_queued_message",
    params(("conversation_id" = String, Path, format = Uuid), ("message_id" = i64, Path)),
    request_body = MessageChange,
    responses((status = 200, body = MessageResponse, description = "As it waits now"))
)]
pub(super) async fn change(
    account: Account,
    State(state): State<AppState>,
    PathIds(conversation, message): PathIds<ConversationId, MessageId>,
    Json(body): Json<MessageChange>,
) -> Result<Answer<MessageResponse>, Problem> {
    let mut check = Check::default();
    check.text("/content", &body.content, limits::CONTENT_CHARS);
    check.done()?;
    let (user, now) = (account.id(), state.now());
    let changed = state
        .store
        .change_queued(user, conversation, message, body.content, now)
        .await?;
    Ok(Answer(changed.into()))
}

/// Removes a message that waits in the queue, with its run.
///
/// Nothing of them remains, and a repeat of the send is a 410. Once its run no longer waits it is a
/// 409 with the code `not_queued`: stop the run instead.
#[utoipa::path(
    delete, path = "/api/v1/chat/conversations/{conversation_id}/messages/{message_id}",
    tag = "chat", operation_id = "remove_queued_message",
    params(("conversation_id" = String, Path, format = Uuid), ("message_id" = i64, Path)),
    responses((status = 204, description = "Removed"))
)]
pub(super) async fn delete(
    account: Account,
    State(state): State<AppState>,
    PathIds(conversation, message): PathIds<ConversationId, MessageId>,
) -> Result<StatusCode, Problem> {
    let (user, now) = (account.id(), state.now());
    state
        .store
        .remove_queued(user, conversation, message, now)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
