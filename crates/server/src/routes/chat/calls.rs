//! `GET /api/v1/chat/calls`, `GET, POST /api/v1/chat/calls/{call_id}`

use axum::Json as Answer;
use axum::extract::State;
use domain::{CallId, limits};

use crate::auth::Account;
use crate::chat;
use crate::error::Problem;
use crate::extract::{Json, PathId, Query};
use crate::state::AppState;
use crate::wire::call::{CallDecide, CallResponse, CallsResponse};

/// Tool calls of which nobody knows whether they happened, and nobody has said so yet.
#[utoipa::path(
    get, path = "/api/v1/chat/calls", tag = "chat", operation_id = "list_calls",
    params(("state" = Option<String>, Query, description = "`unknown`, which is also the default")),
    responses((status = 200, body = CallsResponse, description = "The newest 200"))
)]
pub(super) async fn list(
    account: Account,
    State(state): State<AppState>,
    mut query: Query,
) -> Result<Answer<CallsResponse>, Problem> {
    if query.text("state").is_some_and(|state| state != "unknown") {
        query.fail("state", "This must be `unknown`.");
    }
    query.done()?;
    let calls = state
        .store
        .unknown_calls(account.id(), limits::CALLS_LISTED)
        .await?;
    Ok(Answer(CallsResponse {
        calls: calls
            .into_iter()
            .map(|call| CallResponse::new(call, &state.agent.tools))
            .collect(),
    }))
}

/// One tool call.
#[utoipa::path(
    get, path = "/api/v1/chat/calls/{call_id}", tag = "chat", operation_id = "read_call",
    params(("call_id" = String, Path, format = Uuid)),
    responses((status = 200, body = CallResponse, description = "As the ledger knows it"))
)]
pub(super) async fn read(
    account: Account,
    State(state): State<AppState>,
    PathId(id): PathId<CallId>,
) -> Result<Answer<CallResponse>, Problem> {
    let call = state.store.call(account.id(), id).await?;
    Ok(Answer(CallResponse::new(call, &state.agent.tools)))
}

/// Says what became of a call of unknown outcome, once.
///
/// `happened` and `did_not_happen` become its outcome, which the model reads with the next turn.
/// `retry` makes the call exactly once more, as a call of its own (keyed tools get the key of the
/// first), in a run that ends with an answer: `retried_by` names both. A run that is going on
/// refuses a retry (409 `run_active`, `run_awaiting_approval`).
#[utoipa::path(
    post, path = "/api/v1/chat/calls/{call_id}", tag = "chat", operation_id = "decide_call",
    params(("call_id" = String, Path, format = Uuid)), request_body = CallDecide,
    responses((status = 200, body = CallResponse, description = "The call as it is now"))
)]
pub(super) async fn decide(
    account: Account,
    State(state): State<AppState>,
    PathId(id): PathId<CallId>,
    Json(body): Json<CallDecide>,
) -> Result<Answer<CallResponse>, Problem> {
    let call = chat::decide_call(&state, &account.user, id, body.decision.into()).await?;
    Ok(Answer(CallResponse::new(call, &state.agent.tools)))
}
