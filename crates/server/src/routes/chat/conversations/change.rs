//! `PATCH /api/v1/chat/conversations/{conversation_id}`

use axum::Json as Answer;
use axum::extract::State;
use domain::{ConversationId, ConversationPatch};

use super::check_title;
use crate::auth::Account;
use crate::chat::check_model;
use crate::error::Problem;
use crate::extract::{Check, Json, PathId};
use crate::limits::{TAG_CHARS, TAGS};
use crate::state::AppState;
use crate::wire::conversation::{ConversationChange, ConversationResponse};

/// Renames, pins, archives, tags, chooses a model.
#[utoipa::path(
    patch, path = "/api/v1/chat/conversations/{conversation_id}", tag = "chat",
    operation_id = "change_conversation",
    params(("conversation_id" = String, Path, format = Uuid)), request_body = ConversationChange,
    responses((status = 200, body = ConversationResponse, description = "The conversation as it is now"))
)]
pub(super) async fn change(
    account: Account,
    State(state): State<AppState>,
    PathId(id): PathId<ConversationId>,
    Json(body): Json<ConversationChange>,
) -> Result<Answer<ConversationResponse>, Problem> {
    let mut check = Check::default();
    check_title(&mut check, body.title.as_deref());
    check_model(
        &state,
        &mut check,
        body.model.as_ref().and_then(Option::as_deref),
    );
    if let Some(tags) = &body.tags {
        check.ensure(tags.len() <= TAGS, "/tags", "At most 20 tags are allowed.");
        for (at, tag) in tags.iter().enumerate() {
            check.line(&format!("/tags/{at}"), tag, TAG_CHARS);
        }
    }
    check.done()?;
    let patch = ConversationPatch {
        title: body.title,
        pinned: body.pinned,
        archived: body.archived,
        tags: body.tags,
        model: body.model,
    };
    Ok(Answer(
        state
            .store
            .patch_conversation(account.id(), id, patch)
            .await?
            .into(),
    ))
}
