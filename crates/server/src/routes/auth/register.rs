//! `POST /api/v1/auth/register`

use axum::extract::State;
use axum::http::StatusCode;
use domain::UserRole;
use domain::store::Admission;
use domain::user::{NewUser, normalize_email};

use super::{audit, check_email, check_name, check_password, hash};
use crate::auth::OwnPage;
use crate::auth::first::Alone;
use crate::error::Problem;
use crate::extract::{Check, Json, Peer};
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

    admission(&state, &mut state.first_account.alone().await, &body).await?;
    let user = NewUser {
        email,
        full_name: body.full_name.trim().to_owned(),
        password_hash: hash(&body.password).await?,
        role: UserRole::User,
        now: state.now(),
    };
    // A task of its own: a code that has served is gone, whoever leaves.
    let task = state.clone();
    let added = state.config.tracker.spawn(async move {
        let mut alone = task.first_account.alone().await;
        // Again: the hash took its time.
        let admission = admission(&task, &mut alone, &body).await?;
        let user = task.store.create_user(user, admission).await?;
        alone.added();
        audit(&task, Some(user.id), "register", Some(user.id.0)).await;
        Ok::<_, Problem>(user)
    });
    let user = added.await.map_err(Problem::internal)??;
    Ok((StatusCode::CREATED, axum::Json(user.into())))
}

/// Who may be added now, as what.
async fn admission(
    state: &AppState,
    alone: &mut Alone<'_>,
    body: &RegisterRequest,
) -> Result<Admission, Problem> {
    let first = !state.first_account.exists(&*state.store).await?;
    if first && !alone.accepts(body.setup_code.as_deref()) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "setup_code",
            "The first account needs the setup code that the server printed.",
        ));
    }
    match state.config.registration {
        Registration::Open => Ok(Admission::Open),
        Registration::Closed if first => Ok(Admission::FirstOnly),
        Registration::Closed => Err(closed()),
    }
}

fn closed() -> Problem {
    Problem::conflict(
        "registration_closed",
        "An admin adds accounts on this server. Ask one.",
    )
}
