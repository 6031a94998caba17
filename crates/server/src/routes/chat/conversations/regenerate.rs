//! `POST /api/v1/chat/conversations/{conversation_id}/messages/{message_id}/regenerate`

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use domain::store::Regenerate;
use domain::{ConversationId, MessageId, RunId};
use serde_json::json;

use crate::auth::Account;
use crate::chat;
use crate::error::Problem;
use crate::extract::{Check, IdempotencyHeader, OptionalJson, PathIds};
use crate::state::AppState;
use crate::wire::run::RegenerateRequest;
use crate::wire::send::RegenerateAccepted;

/// Another answer beside this one.
///
/// `Idempotency-Key` makes it safe to repeat for 30 days: a repeat answers the same run with its
/// messages as they are now.
#[utoipa::path(
    post, path = "/api/v1/chat/conversations/{conversation_id}/messages/{message_id}/regenerate",
    tag = "chat", operation_id = "regenerate",
    params(
        ("conversation_id" = String, Path, format = Uuid),
        ("message_id" = i64, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 128 visible ASCII characters"),
    ),
    request_body = Option<RegenerateRequest>,
    responses((status = 202, body = RegenerateAccepted, description = "The answer comes over the feed"))
)]
pub(super) async fn create(
    account: Account,
    State(state): State<AppState>,
    PathIds(conversation, message): PathIds<ConversationId, MessageId>,
    IdempotencyHeader(key): IdempotencyHeader,
    OptionalJson(body): OptionalJson<RegenerateRequest>,
) -> Result<(StatusCode, Answer<RegenerateAccepted>), Problem> {
    let mut check = Check::default();
    chat::check_model(&state, &mut check, body.model.as_deref());
    check.done()?;
    let canonical = json!({ "regenerate": [conversation.to_string(), message.0, body.model] });
    let again = Regenerate {
        user_id: account.id(),
        key: chat::keyed(key, &canonical),
        conversation_id: conversation,
        message_id: message,
        model: body.model,
        new_run_id: RunId::new(&*state.ids),
        now: state.now(),
    };
    let sent = chat::regenerate(&state, again).await?;
    Ok((StatusCode::ACCEPTED, Answer(sent.into())))
}
