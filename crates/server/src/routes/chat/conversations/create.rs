//! `POST /api/v1/chat/conversations`

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ConversationId;
use domain::conversation::NewConversation;
use serde_json::json;

use super::check_title;
use crate::auth::Account;
use crate::chat::{check_model, keyed};
use crate::error::Problem;
use crate::extract::{Check, IdempotencyHeader, OptionalJson};
use crate::state::AppState;
use crate::wire::conversation::{ConversationCreate, ConversationResponse};

/// Begins an empty conversation. Sending without a conversation does so as well.
///
/// `Idempotency-Key` makes it safe to repeat for 30 days: a repeat answers the same conversation as
/// it is now.
#[utoipa::path(
    post, path = "/api/v1/chat/conversations", tag = "chat",
    operation_id = "create_conversation", request_body = Option<ConversationCreate>,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 visible ASCII characters")),
    responses((status = 201, body = ConversationResponse, description = "The conversation"))
)]
pub(super) async fn create(
    account: Account,
    State(state): State<AppState>,
    IdempotencyHeader(key): IdempotencyHeader,
    OptionalJson(body): OptionalJson<ConversationCreate>,
) -> Result<(StatusCode, Answer<ConversationResponse>), Problem> {
    let mut check = Check::default();
    check_title(&mut check, body.title.as_deref());
    check_model(&state, &mut check, body.model.as_deref());
    check.done()?;
    let key = keyed(
        key,
        &json!({ "create_conversation": [body.title, body.model] }),
    );
    let new = NewConversation {
        conversation_id: ConversationId::new(&*state.ids),
        title: body.title,
        model: body.model,
        now: state.now(),
    };
    let conversation = state
        .store
        .create_conversation(account.id(), new, key)
        .await?;
    Ok((StatusCode::CREATED, Answer(conversation.into())))
}
