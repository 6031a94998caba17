//! Extractors: a handler that takes one can't forget to ask who is there.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use domain::{Session, Timestamp, User, UserId, UserRole};

use super::jwt::Access;
use crate::error::Problem;
use crate::state::AppState;
use crate::ws::{cross_site, origin};

/// A signed-in account whose session is live.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) user: User,
    pub(crate) session: Session,
    /// When the access token ends.
    pub(crate) expires_at: Timestamp,
}

impl Account {
    pub(crate) fn id(&self) -> UserId {
        self.user.id
    }

    /// Asks the store whether what the token says still holds.
    pub(crate) async fn check(state: &AppState, access: Access) -> Result<Self, Problem> {
        let live = state
            .store
            .live_session(access.user_id, access.session_id, state.now())
            .await?
            .ok_or_else(Problem::unauthenticated)?;
        let (session, user) = live;
        Ok(Self {
            user,
            session,
            expires_at: access.expires_at,
        })
    }

    pub(crate) async fn from_token(state: &AppState, token: &str) -> Result<Self, Problem> {
        let access = state
            .access
            .verify(token, state.now())
            .ok_or_else(Problem::unauthenticated)?;
        Self::check(state, access).await
    }
}

/// The token of `Authorization: Bearer`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl FromRequestParts<AppState> for Account {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let token = bearer(&parts.headers).ok_or_else(Problem::unauthenticated)?;
        Self::from_token(state, token).await
    }
}

/// A signed-in admin.
pub(crate) struct Admin(pub(crate) Account);

impl FromRequestParts<AppState> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        let account = Account::from_request_parts(parts, state).await?;
        match account.user.role {
            UserRole::Admin => Ok(Self(account)),
            UserRole::User => Err(Problem::forbidden("Only an admin may do this.")),
        }
    }
}

/// The request comes from our own page, or from no page at all: asked before a password or a cookie
/// is looked at.
pub(crate) struct OwnPage;

impl FromRequestParts<AppState> for OwnPage {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Problem> {
        require_own_page(state, &parts.headers).map(|()| Self)
    }
}

pub(crate) fn require_own_page(state: &AppState, headers: &HeaderMap) -> Result<(), Problem> {
    if origin::same_origin(&state.config, headers) {
        Ok(())
    } else {
        Err(cross_site())
    }
}
