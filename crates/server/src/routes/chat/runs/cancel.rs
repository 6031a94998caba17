//! `POST /api/v1/chat/runs/{run_id}/cancel`

use axum::Json;
use axum::extract::State;
use domain::RunId;

use crate::auth::Account;
use crate::chat;
use crate::error::Problem;
use crate::extract::PathId;
use crate::state::AppState;
use crate::wire::run::RunResponse;

/// Stops a run, and answers once it has ended: from then on nothing of it is said and no tool is
/// started. What has been written stays; a run that has ended is answered unchanged.
///
/// Where the run has not ended within two seconds, because the server that drives it is gone for
/// instance, the answer says so (`cancel_requested`), and it ends as soon as that is noticed.
#[utoipa::path(
    post, path = "/api/v1/chat/runs/{run_id}/cancel", tag = "chat", operation_id = "cancel_run",
    params(("run_id" = String, Path, format = Uuid)),
    responses((status = 200, body = RunResponse, description = "The run as it is now"))
)]
pub(super) async fn create(
    account: Account,
    State(state): State<AppState>,
    PathId(id): PathId<RunId>,
) -> Result<Json<RunResponse>, Problem> {
    Ok(Json(
        chat::cancel_and_wait(&state, &account.user, id)
            .await?
            .into(),
    ))
}
