//! `GET /api/v1/chat/sync`

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::{ConversationId, limits};

use crate::auth::Account;
use crate::error::Problem;
use crate::extract::{PathKey, Query, RequestId};
use crate::feed::SyncStream;
use crate::serve::Hangup;
use crate::sse;
use crate::state::AppState;
use crate::wire::frame::Frame;

/// The account's whole feed as server-sent events: the same frames as on the WebSocket.
///
/// `id:` is the cursor; `Last-Event-ID` or `since` go on from one. A cursor that is too old or of
/// another epoch is answered by a `reset` frame: load state again, go on from its `data.cursor`.
#[utoipa::path(
    get, path = "/api/v1/chat/sync", tag = "live", operation_id = "sync",
    params(
        ("since" = Option<String>, Query, description = "A cursor; left out: from now on"),
        ("watch" = Option<String>, Query, description = "At most 8 conversations, separated by commas, whose `delta` frames are wanted"),
        ("Last-Event-ID" = Option<String>, Header),
    ),
    responses((status = 200, description = "Frames, without end", content_type = "text/event-stream", body = Frame))
)]
pub(super) async fn read(
    account: Account,
    State(state): State<AppState>,
    RequestId(request_id): RequestId,
    hangup: Hangup,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Problem> {
    let since = sse::position(&headers, query.text("since")).unwrap_or(Some(sse::NOWHERE));
    let watch = watched(query.text("watch"))?;
    let place = sse::place(&state, &account)?;
    let stream = SyncStream::begin(&state, account, request_id, since, &watch).await?;
    Ok(sse::respond(&state, stream, place, hangup))
}

fn watched(text: Option<&str>) -> Result<Vec<ConversationId>, Problem> {
    let mut ids = Vec::new();
    for part in text.into_iter().flat_map(|text| text.split(',')) {
        ids.push(ConversationId::from_text(part.trim()).ok_or_else(Problem::not_found)?);
    }
    if ids.len() > limits::WATCHED {
        return Err(Problem::invalid(
            "?watch",
            "At most 8 conversations may be watched.",
        ));
    }
    Ok(ids)
}
