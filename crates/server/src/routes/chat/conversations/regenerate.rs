//! `POST /api/v1/chat/conversations/{conversation_id}/messages/{message_id}/regenerate`

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{ConversationId, MessageId};

use crate::auth::Account;
use crate::chat;
use crate::error::Problem;
use crate::extract::{Check, OptionalJson, PathIds};
use crate::state::AppState;
use crate::wire::run::RegenerateRequest;
use crate::wire::send::RegenerateAccepted;

/// Another answer beside this one.
#[utoipa::path(
    post, path = "/api/v1/chat/conversations/{conversation_id}/messages/{message_id}/regenerate",
    tag = "chat", operation_id = "regenerate",
    params(("conversation_id" = String, Path, format = Uuid), ("message_id" = i64, Path)),
    request_body = Option<RegenerateRequest>,
    responses((status = 202, body = RegenerateAccepted, description = "The answer comes over the feed"))
)]
pub(super) async fn create(
    account: Account,
    State(state): State<AppState>,
    PathIds(conversation, message): PathIds<ConversationId, MessageId>,
    OptionalJson(body): OptionalJson<RegenerateRequest>,
) -> Result<(StatusCode, Answer<RegenerateAccepted>), Problem> {
    let mut check = Check::default();
    chat::check_model(&state, &mut check, body.model.as_deref());
    check.done()?;
    let sent = chat::regenerate(&state, &account.user, conversation, message, body.model).await?;
    Ok((StatusCode::ACCEPTED, Answer(sent.into())))
}
