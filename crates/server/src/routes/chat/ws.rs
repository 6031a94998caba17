//! `GET /api/v1/chat/ws`

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::Cursor;

use crate::error::Problem;
use crate::extract::{Query, RequestId};
use crate::limits::{FRAME_BYTES, WS_MAX_WRITE_BUFFER, WS_WRITE_BUFFER};
use crate::state::AppState;
use crate::{sse, ws};

/// The live connection.
///
/// Authenticated before the upgrade by `?token=` (an access token or a ticket), `Authorization`, or
/// the subprotocols `rejoinder, <token>`. `since` goes on from a cursor, exactly once and in order;
/// `watch` names conversations whose tokens are wanted. Frames are `{type, data, conversation_id}`
/// both ways.
#[utoipa::path(
    get, path = "/api/v1/chat/ws", tag = "live", operation_id = "open_socket",
    params(
        ("token" = Option<String>, Query, description = "An access token or a ticket"),
        ("since" = Option<String>, Query, description = "A cursor; left out: from now on"),
        ("watch" = Option<String>, Query, description = "At most 8 conversations, separated by commas"),
    ),
    responses((status = 101, description = "Switching to WebSocket"))
)]
pub(super) async fn connect(
    State(state): State<AppState>,
    RequestId(request_id): RequestId,
    query: Query,
    request: Request,
) -> Result<Response, Problem> {
    if state.config.drain.is_cancelled() {
        return Err(Problem::draining());
    }
    let (mut parts, _) = request.into_parts();
    let account = ws::authenticate(&state, &parts.headers, &query).await?;
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &state)
        .await
        .map_err(|rejection| upgrade_required(&rejection.to_string()))?;
    let since = query
        .text("since")
        .map(|text| Cursor::parse(text).unwrap_or(sse::NOWHERE));
    let watch = query
        .text("watch")
        .map(|text| text.split(',').map(|id| id.trim().to_owned()).collect())
        .unwrap_or_default();
    let opening = ws::Opening {
        account,
        request_id,
        since,
        watch,
    };
    Ok(upgrade
        .protocols([ws::PROTOCOL])
        .read_buffer_size(8 * 1024)
        .write_buffer_size(WS_WRITE_BUFFER)
        .max_write_buffer_size(WS_MAX_WRITE_BUFFER)
        .max_message_size(FRAME_BYTES)
        .max_frame_size(FRAME_BYTES)
        .on_upgrade(move |socket| ws::run(state, opening, socket)))
}

fn upgrade_required(reason: &str) -> Problem {
    Problem::new(
        StatusCode::UPGRADE_REQUIRED,
        "upgrade_required",
        format!("This path speaks WebSocket only: {reason}"),
    )
}
