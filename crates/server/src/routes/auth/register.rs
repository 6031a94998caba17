//! `POST /api/v1/auth/register`

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::StatusCode;
use domain::UserRole;
use domain::store::Admission;
use domain::user::{NewUser, normalize_email};
use secrecy::ExposeSecret;

use super::{audit, check_email, check_name, check_password, hash};
use crate::auth::{OwnPage, same_secret};
use crate::error::Problem;
use crate::extract::{Check, Json, Peer};
use crate::routes::meta::has_users;
use crate::state::{AppState, Registration};
use crate::wire::account::{RegisterRequest, UserResponse};

/// Makes an account. The first one becomes admin.
#[utoipa::path(
    post, path = "/api/v1/auth/register", tag = "auth", operation_id = "register",
    request_body = RegisterRequest,
    responses((status = 201, body = UserResponse, description = "The account"))
)]
pub(super) async fn create(
    _: OwnPage,
    State(state): State<AppState>,
    Peer(peer): Peer,
    Json(body): Json<RegisterRequest>,
) -> Result<(StatusCode, axum::Json<UserResponse>), Problem> {
    let mut check = Check::default();
    check_email(&mut check, &body.email);
    check_name(&mut check, &body.full_name);
    check_password(&mut check, "/password", &body.password);
    check.done()?;
    let email = normalize_email(&body.email);
    state.limiters.password(&email, peer)?;

    let first = !has_users(&state).await?;
    if first {
        require_setup_code(&state, body.setup_code.as_deref())?;
    }
    let admission = match state.config.registration {
        Registration::Open => Admission::Open,
        Registration::Closed if first => Admission::FirstOnly,
        Registration::Closed => return Err(closed()),
    };
    let user = NewUser {
        email,
        full_name: body.full_name.trim().to_owned(),
        password_hash: hash(&body.password).await?,
        role: UserRole::User,
        now: state.now(),
    };
    let user = state.store.create_user(user, admission).await?;
    state.has_users.store(true, Ordering::Relaxed);
    audit(&state, Some(user.id), "register", Some(user.id.0)).await;
    Ok((StatusCode::CREATED, axum::Json(user.into())))
}

fn require_setup_code(state: &AppState, given: Option<&str>) -> Result<(), Problem> {
    let Some(code) = &state.config.setup_code else {
        return Ok(());
    };
    let given = given.map(str::trim).unwrap_or_default();
    if same_secret(code.expose_secret().as_bytes(), given.as_bytes()) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "setup_code",
        "The first account needs the setup code that the server printed when it started.",
    ))
}

fn closed() -> Problem {
    Problem::conflict(
        "registration_closed",
        "An admin adds accounts on this server. Ask one.",
    )
}
