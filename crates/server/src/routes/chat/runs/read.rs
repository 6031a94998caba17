//! `GET /api/v1/chat/runs/{run_id}`

use axum::Json;
use axum::extract::State;
use domain::RunId;

use crate::auth::Account;
use crate::error::Problem;
use crate::extract::PathId;
use crate::state::AppState;
use crate::wire::run::RunResponse;

/// One run.
#[utoipa::path(
    get, path = "/api/v1/chat/runs/{run_id}", tag = "chat", operation_id = "read_run",
    params(("run_id" = String, Path, format = Uuid)),
    responses((status = 200, body = RunResponse, description = "The run"))
)]
pub(super) async fn read(
    account: Account,
    State(state): State<AppState>,
    PathId(id): PathId<RunId>,
) -> Result<Json<RunResponse>, Problem> {
    Ok(Json(state.store.run(account.id(), id).await?.into()))
}
