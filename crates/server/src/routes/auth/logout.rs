//! `POST /api/v1/auth/logout` and `/auth/logout-all`

use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};
use domain::{SessionId, Signal, StoreError, UserId};

use super::audit;
use crate::auth::extractor::bearer;
use crate::auth::{Account, cookie, require_own_page};
use crate::error::Problem;
use crate::extract::OptionalJson;
use crate::state::AppState;
use crate::wire::account::RefreshRequest;

/// Ends this session: that of the access token, else of the refresh token in the body or the
/// cookie. Its sockets close. Without any there is nothing to end.
#[utoipa::path(
    post, path = "/api/v1/auth/logout", tag = "auth", operation_id = "logout",
    request_body = Option<RefreshRequest>,
    responses((status = 204, description = "Signed out"))
)]
pub(super) async fn create(
    State(state): State<AppState>,
    headers: HeaderMap,
    OptionalJson(body): OptionalJson<RefreshRequest>,
) -> Result<Response, Problem> {
    if let Some(token) = bearer(&headers)
        && let Some(access) = state.access.verify(token, state.now())
    {
        end(&state, access.user_id, access.session_id).await?;
    } else {
        let token = match body.refresh_token.as_deref() {
            Some(token) => Some(token),
            None => {
                require_own_page(&state, &headers)?;
                cookie::read(&state, &headers)
            }
        };
        if let Some((session_id, presented)) = token.and_then(|text| state.refresh.verify(text)) {
            end_by_refresh(&state, session_id, presented).await?;
        }
    }
    signed_out(&state)
}

/// Ends all sessions of the account. Their sockets close.
#[utoipa::path(
    post, path = "/api/v1/auth/logout-all", tag = "auth", operation_id = "logout_all",
    responses((status = 204, description = "Signed out everywhere"))
)]
pub(super) async fn everywhere(
    account: Account,
    State(state): State<AppState>,
) -> Result<Response, Problem> {
    let user_id = account.id();
    state.store.end_sessions(user_id, None).await?;
    state.bus.signal(Signal::SessionsEnded {
        user_id,
        session_id: None,
        except: None,
    });
    audit(&state, Some(user_id), "logout_all", Some(user_id.0)).await;
    signed_out(&state)
}

async fn end_by_refresh(
    state: &AppState,
    session_id: SessionId,
    presented: i64,
) -> Result<(), Problem> {
    // Rotating is how a refresh token is shown to be a living one.
    match state
        .store
        .rotate_session(session_id, presented, state.now())
        .await?
    {
        domain::Rotation::Issued { session, .. } => end(state, session.user_id, session_id).await,
        domain::Rotation::Replayed { user_id } => {
            let session_id = Some(session_id);
            state.bus.signal(Signal::SessionsEnded {
                user_id,
                session_id,
                except: None,
            });
            Ok(())
        }
        domain::Rotation::Gone => Ok(()),
    }
}

pub(super) async fn end(
    state: &AppState,
    user_id: UserId,
    session_id: SessionId,
) -> Result<(), Problem> {
    match state.store.end_session(user_id, session_id).await {
        Ok(()) | Err(StoreError::NotFound) => {}
        Err(error) => return Err(error.into()),
    }
    let session_id = Some(session_id);
    state.bus.signal(Signal::SessionsEnded {
        user_id,
        session_id,
        except: None,
    });
    Ok(())
}

pub(super) fn signed_out(state: &AppState) -> Result<Response, Problem> {
    let cleared =
        cookie::clear(state).ok_or_else(|| Problem::internal("the cookie is no header value"))?;
    Ok((
        StatusCode::NO_CONTENT,
        AppendHeaders([(SET_COOKIE, cleared)]),
    )
        .into_response())
}
