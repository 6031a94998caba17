//! `GET /api/v1/chat/runs/{run_id}/events`

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::RunId;

use crate::auth::Account;
use crate::error::Problem;
use crate::extract::{PathId, Query, RequestId};
use crate::feed::RunStream;
use crate::serve::Hangup;
use crate::sse;
use crate::state::AppState;
use crate::wire::frame::Frame;

/// One run as server-sent events, with all its tokens, until its terminal `run` frame.
///
/// Without a position the messages come first as they are now, and what follows after them.
#[utoipa::path(
    get, path = "/api/v1/chat/runs/{run_id}/events", tag = "live", operation_id = "follow_run",
    params(
        ("run_id" = String, Path, format = Uuid),
        ("after" = Option<String>, Query, description = "A cursor"),
        ("Last-Event-ID" = Option<String>, Header),
    ),
    responses((status = 200, description = "Frames", content_type = "text/event-stream", body = Frame))
)]
pub(super) async fn read(
    account: Account,
    State(state): State<AppState>,
    PathId(run_id): PathId<RunId>,
    RequestId(request_id): RequestId,
    hangup: Hangup,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    let after = sse::position(&headers, query.text("after")).unwrap_or(Some(sse::NOWHERE));
    let place = sse::place(&state, &account)?;
    let stream = RunStream::begin(&state, account, request_id, run_id, after).await?;
    Ok(sse::respond(&state, stream, place, hangup))
}
