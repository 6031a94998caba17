//! `GET, POST /api/v1/admin/users`, `PATCH /api/v1/admin/users/{id}`

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use domain::store::Admission;
use domain::user::{NewUser, UserPatch, normalize_email};
use domain::{Signal, UserId, UserRole};

use crate::auth::Admin;
use crate::error::Problem;
use crate::extract::{Check, Json, PathId};
use crate::limits::USERS_LISTED;
use crate::routes::auth::{audit, check_email, check_name, check_password, hash};
use crate::state::AppState;
use crate::wire::account::{
    AdminUserChange, AdminUserCreate, AdminUserResponse, AdminUsersResponse,
};

/// All accounts.
#[utoipa::path(
    get, path = "/api/v1/admin/users", tag = "admin", operation_id = "list_users",
    responses((status = 200, body = AdminUsersResponse, description = "By id"))
)]
pub(super) async fn list(
    _: Admin,
    State(state): State<AppState>,
) -> Result<Answer<AdminUsersResponse>, Problem> {
    let users = state.store.users(UserId(0), USERS_LISTED).await?;
    Ok(Answer(AdminUsersResponse {
        users: users.into_iter().map(Into::into).collect(),
    }))
}

/// Adds an account.
#[utoipa::path(
    post, path = "/api/v1/admin/users", tag = "admin", operation_id = "add_user",
    request_body = AdminUserCreate,
    responses((status = 201, body = AdminUserResponse, description = "The account"))
)]
pub(super) async fn create(
    Admin(admin): Admin,
    State(state): State<AppState>,
    Json(body): Json<AdminUserCreate>,
) -> Result<(StatusCode, Answer<AdminUserResponse>), Problem> {
    let mut check = Check::default();
    check_email(&mut check, &body.email);
    check_name(&mut check, &body.full_name);
    check_password(&mut check, "/password", &body.password);
    check.done()?;
    let user = NewUser {
        email: normalize_email(&body.email),
        full_name: body.full_name.trim().to_owned(),
        password_hash: hash(&body.password).await?,
        role: body.role.map_or(UserRole::User, Into::into),
        now: state.now(),
    };
    let user = state.store.create_user(user, Admission::Granted).await?;
    audit(&state, Some(admin.id()), "add_user", Some(user.id.0)).await;
    Ok((StatusCode::CREATED, Answer(user.into())))
}

/// Changes a role, disables or enables an account.
#[utoipa::path(
    patch, path = "/api/v1/admin/users/{id}", tag = "admin", operation_id = "change_user",
    params(("id" = i64, Path)), request_body = AdminUserChange,
    responses((status = 200, body = AdminUserResponse, description = "The account as it is now"))
)]
pub(super) async fn change(
    Admin(admin): Admin,
    State(state): State<AppState>,
    PathId(id): PathId<UserId>,
    Json(body): Json<AdminUserChange>,
) -> Result<Answer<AdminUserResponse>, Problem> {
    let patch = UserPatch {
        role: body.role.map(Into::into),
        disabled: body.disabled,
        ..UserPatch::default()
    };
    let user = state.store.update_user(id, patch, state.now()).await?;
    if user.disabled {
        let ended = Signal::SessionsEnded {
            user_id: id,
            session_id: None,
            except: None,
        };
        state.bus.signal(ended);
    }
    state.bus.signal(Signal::Recheck { user_id: Some(id) });
    for (done, action) in [
        (body.role.is_some(), "change_role"),
        (body.disabled == Some(true), "disable_user"),
        (body.disabled == Some(false), "enable_user"),
    ] {
        if done {
            audit(&state, Some(admin.id()), action, Some(id.0)).await;
        }
    }
    Ok(Answer(user.into()))
}
