//! `POST /api/v1/auth/login`

use axum::extract::State;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::user::normalize_email;
use domain::{Session, SessionId, StoreError, UserId, limits};

use super::{audit, verify};
use crate::auth::{OwnPage, issue, password};
use crate::error::Problem;
use crate::extract::{Check, Json, Peer};
use crate::limits::{EMAIL_CHARS, USER_AGENT_CHARS};
use crate::state::AppState;
use crate::wire::account::{LoginRequest, TokenResponse};

/// Number of a session's first refresh token.
const FIRST_GENERATION: i64 = 1;

/// Begins a session. Browsers also get the refresh token as a cookie.
#[utoipa::path(
    post, path = "/api/v1/auth/login", tag = "auth", operation_id = "login",
    request_body = LoginRequest,
    responses((status = 200, body = TokenResponse, description = "A pair of tokens"))
)]
pub(super) async fn create(
    _: OwnPage,
    State(state): State<AppState>,
    Peer(peer): Peer,
    headers: HeaderMap,
    Json(body): Json<LoginRequest>,
) -> Result<Response, Problem> {
    let email = normalize_email(&body.email);
    let mut check = Check::default();
    // SQL text with NUL is an error of the database, and no address has one.
    check.ensure(
        !email.contains('\0'),
        "/email",
        "This must be an e-mail address.",
    );
    check.done()?;
    if email.chars().count() > EMAIL_CHARS {
        return Err(wrong());
    }
    state.limiters.password(&email, peer)?;

    let found = state.store.user_by_email(&email).await?;
    let phc = found
        .as_ref()
        .map_or(password::DUMMY, |(_, phc)| phc.as_str());
    let right = verify(&body.password, phc).await?;
    let Some((user, phc)) = found.filter(|_| right) else {
        return Err(wrong());
    };
    if user.disabled {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "account_disabled",
            "This account was disabled by an admin.",
        ));
    }
    let session = new_session(&state, user.id, &headers);
    let session_id = session.session_id;
    // Meanwhile the password may have been changed, and the sessions of the old one ended.
    match state.store.create_session(session, phc).await {
        Err(StoreError::NotFound) => return Err(wrong()),
        created => created?,
    }
    audit(&state, Some(user.id), "login", Some(user.id.0)).await;
    issue::tokens(&state, user, session_id, FIRST_GENERATION)
}

fn new_session(state: &AppState, user_id: UserId, headers: &HeaderMap) -> Session {
    let now = state.now();
    let user_agent = headers
        .get(USER_AGENT)
        .and_then(|value| value.to_str().ok());
    Session {
        session_id: SessionId::new(&*state.ids),
        user_id,
        generation: FIRST_GENERATION,
        user_agent: user_agent.map(|text| text.chars().take(USER_AGENT_CHARS).collect()),
        created_at: now,
        last_used_at: now,
        expires_at: now.plus_millis(limits::SESSION_MS),
    }
}

/// The same for an unknown address and a wrong password.
fn wrong() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "wrong_credentials",
        "The e-mail address or the password is wrong.",
    )
    .header(
        axum::http::header::WWW_AUTHENTICATE,
        axum::http::HeaderValue::from_static("Bearer realm=\"rejoinder\""),
    )
}
