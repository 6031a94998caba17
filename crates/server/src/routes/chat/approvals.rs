//! `GET /api/v1/chat/approvals`, `POST /api/v1/chat/approvals/{id}`

use axum::Json as Answer;
use axum::extract::State;
use domain::ApprovalId;

use crate::auth::Account;
use crate::chat;
use crate::error::Problem;
use crate::extract::{Json, PathId};
use crate::state::AppState;
use crate::wire::approval::{ApprovalDecision, ApprovalResponse, ApprovalsResponse};

/// Tool calls that wait for the user's word.
#[utoipa::path(
    get, path = "/api/v1/chat/approvals", tag = "chat", operation_id = "list_approvals",
    responses((status = 200, body = ApprovalsResponse, description = "Undecided ones"))
)]
pub(super) async fn list(
    account: Account,
    State(state): State<AppState>,
) -> Result<Answer<ApprovalsResponse>, Problem> {
    let approvals = state.store.approvals(account.id()).await?;
    Ok(Answer(ApprovalsResponse {
        approvals: approvals
            .into_iter()
            .map(|approval| ApprovalResponse::new(approval, &state.agent.tools))
            .collect(),
    }))
}

/// Approves or denies a call, once.
///
/// The run goes on when nothing is undecided any more. With `scope: "conversation"` later calls of
/// the tool are not asked for in this conversation, until the permission is revoked; calls that
/// wait already still are, and what the operator denies stays denied.
#[utoipa::path(
    post, path = "/api/v1/chat/approvals/{id}", tag = "chat", operation_id = "decide_approval",
    params(("id" = String, Path, format = Uuid)), request_body = ApprovalDecision,
    responses((status = 200, body = ApprovalResponse, description = "The approval as it is now"))
)]
pub(super) async fn decide(
    account: Account,
    State(state): State<AppState>,
    PathId(id): PathId<ApprovalId>,
    Json(body): Json<ApprovalDecision>,
) -> Result<Answer<ApprovalResponse>, Problem> {
    let approval = chat::decide(&state, &account.user, id, body).await?;
    Ok(Answer(ApprovalResponse::new(approval, &state.agent.tools)))
}
