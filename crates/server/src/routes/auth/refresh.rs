//! `POST /api/v1/auth/refresh`

use axum::extract::State;
use axum::http::header::{SET_COOKIE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use domain::{Rotation, Signal};

use super::audit;
use crate::auth::{cookie, issue, require_own_page};
use crate::error::Problem;
use crate::extract::OptionalJson;
use crate::state::AppState;
use crate::wire::account::{RefreshRequest, TokenResponse};

/// A new pair of tokens for a refresh token, from the body or the cookie.
#[utoipa::path(
    post, path = "/api/v1/auth/refresh", tag = "auth", operation_id = "refresh",
    request_body = Option<RefreshRequest>,
    responses((status = 200, body = TokenResponse, description = "A pair of tokens"))
)]
pub(super) async fn create(
    State(state): State<AppState>,
    headers: HeaderMap,
    OptionalJson(body): OptionalJson<RefreshRequest>,
) -> Result<Response, Problem> {
    let token = match body.refresh_token.as_deref() {
        Some(token) => token,
        None => {
            require_own_page(&state, &headers)?;
            cookie::read(&state, &headers).ok_or_else(|| invalid(&state))?
        }
    };
    let (session_id, presented) = state.refresh.verify(token).ok_or_else(|| invalid(&state))?;
    match state
        .store
        .rotate_session(session_id, presented, state.now())
        .await?
    {
        Rotation::Issued {
            session,
            generation,
        } => {
            let live = state
                .store
                .live_session(session.user_id, session_id, state.now())
                .await?
                .ok_or_else(|| invalid(&state))?;
            issue::tokens(&state, live.1, session_id, generation)
        }
        Rotation::Replayed { user_id } => {
            tracing::warn!(%user_id, "a refresh token was replayed; its session has ended");
            audit(&state, Some(user_id), "refresh_replayed", Some(user_id.0)).await;
            let session_id = Some(session_id);
            state.bus.signal(Signal::SessionsEnded {
                user_id,
                session_id,
                except: None,
            });
            Err(invalid(&state))
        }
        Rotation::Gone => Err(invalid(&state)),
    }
}

/// One answer for every reason; a cookie that is good for nothing is taken back.
fn invalid(state: &AppState) -> Problem {
    let problem = Problem::new(
        StatusCode::UNAUTHORIZED,
        "invalid_refresh_token",
        "The session has ended. Sign in again.",
    )
    .header(
        WWW_AUTHENTICATE,
        HeaderValue::from_static("Bearer realm=\"rejoinder\""),
    );
    match cookie::clear(state) {
        Some(cleared) => problem.header(SET_COOKIE, cleared),
        None => problem,
    }
}
