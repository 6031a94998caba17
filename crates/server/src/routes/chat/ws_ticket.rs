//! `POST /api/v1/chat/ws-ticket`

use axum::Json;
use axum::extract::State;

use crate::auth::Account;
use crate::auth::jwt::Access;
use crate::error::Problem;
use crate::limits::TICKET_MS;
use crate::state::AppState;
use crate::wire::account::TicketResponse;

/// A key that opens one WebSocket within 30 seconds.
#[utoipa::path(
    post, path = "/api/v1/chat/ws-ticket", tag = "live", operation_id = "create_ws_ticket",
    responses((status = 200, body = TicketResponse, description = "For `?token=`"))
)]
pub(super) async fn create(
    account: Account,
    State(state): State<AppState>,
) -> Result<Json<TicketResponse>, Problem> {
    if state.config.drain.is_cancelled() {
        return Err(Problem::draining());
    }
    let access = Access {
        user_id: account.id(),
        session_id: account.session.session_id,
        expires_at: account.expires_at,
    };
    let ticket = state
        .tickets
        .issue(access, &*state.ids, state.now())
        .ok_or_else(|| Problem::rate_limited(30))?;
    Ok(Json(TicketResponse {
        ticket,
        expires_in: TICKET_MS / 1_000,
    }))
}
