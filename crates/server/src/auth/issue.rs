//! Handing out a pair of tokens.

use axum::Json;
use axum::http::header::SET_COOKIE;
use axum::response::{AppendHeaders, IntoResponse, Response};
use domain::{SessionId, User};

use super::cookie;
use crate::error::Problem;
use crate::state::AppState;
use crate::wire::account::TokenResponse;

/// The answer to a login or a refresh, with the cookie for browsers.
pub(crate) fn tokens(
    state: &AppState,
    user: User,
    session: SessionId,
    generation: i64,
) -> Result<Response, Problem> {
    let access_token = state
        .access
        .issue(user.id, session, state.now())
        .map_err(Problem::internal)?;
    let refresh_token = state.refresh.token(session, generation);
    let cookie = cookie::set(state, &refresh_token)
        .ok_or_else(|| Problem::internal("the refresh token is no header value"))?;
    let body = TokenResponse {
        access_token,
        refresh_token,
        token_type: "bearer",
        expires_in: domain::limits::ACCESS_TOKEN_SECONDS,
        mfa_required: false,
        user: user.into(),
    };
    Ok((AppendHeaders([(SET_COOKIE, cookie)]), Json(body)).into_response())
}
