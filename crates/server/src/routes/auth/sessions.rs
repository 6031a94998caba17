//! `GET /api/v1/auth/sessions`, `DELETE /api/v1/auth/sessions/{id}`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{SessionId, Signal};

use super::audit;
use crate::auth::Account;
use crate::error::Problem;
use crate::extract::PathId;
use crate::state::AppState;
use crate::wire::account::{SessionResponse, SessionsResponse};

/// The account's logins.
#[utoipa::path(
    get, path = "/api/v1/auth/sessions", tag = "auth", operation_id = "list_sessions",
    responses((status = 200, body = SessionsResponse, description = "Newest use first"))
)]
pub(super) async fn list(
    account: Account,
    State(state): State<AppState>,
) -> Result<Json<SessionsResponse>, Problem> {
    let current = account.session.session_id;
    let sessions = state.store.sessions(account.id(), state.now()).await?;
    let sessions = sessions
        .into_iter()
        .map(|session| SessionResponse::new(session, current))
        .collect();
    Ok(Json(SessionsResponse { sessions }))
}

/// Ends one login. Its sockets close.
#[utoipa::path(
    delete, path = "/api/v1/auth/sessions/{id}", tag = "auth", operation_id = "end_session",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 204, description = "Ended"))
)]
pub(super) async fn delete(
    account: Account,
    State(state): State<AppState>,
    PathId(session_id): PathId<SessionId>,
) -> Result<StatusCode, Problem> {
    let user_id = account.id();
    state.store.end_session(user_id, session_id).await?;
    let session_id = Some(session_id);
    state.bus.signal(Signal::SessionsEnded {
        user_id,
        session_id,
        except: None,
    });
    audit(&state, Some(user_id), "end_session", Some(user_id.0)).await;
    Ok(StatusCode::NO_CONTENT)
}
