//! `GET, PATCH, DELETE /api/v1/auth/me`

use axum::Json as Answer;
use axum::extract::State;
use axum::response::Response;
use domain::Signal;
use domain::user::UserPatch;

use super::logout::signed_out;
use super::{audit, check_name, verify};
use crate::auth::Account;
use crate::error::Problem;
use crate::extract::{Check, Json, Peer};
use crate::state::AppState;
use crate::wire::account::{AccountDeletion, ProfileChange, UserResponse};

/// The account that asks.
#[utoipa::path(
    get, path = "/api/v1/auth/me", tag = "auth", operation_id = "read_me",
    responses((status = 200, body = UserResponse, description = "The account"))
)]
pub(super) async fn read(account: Account) -> Answer<UserResponse> {
    Answer(account.user.into())
}

/// Changes the profile.
#[utoipa::path(
    patch, path = "/api/v1/auth/me", tag = "auth", operation_id = "change_me",
    request_body = ProfileChange,
    responses((status = 200, body = UserResponse, description = "The account as it is now"))
)]
pub(super) async fn change(
    account: Account,
    State(state): State<AppState>,
    Json(body): Json<ProfileChange>,
) -> Result<Answer<UserResponse>, Problem> {
    let mut check = Check::default();
    if let Some(name) = &body.full_name {
        check_name(&mut check, name);
    }
    check.done()?;
    let full_name = body.full_name.map(|name| name.trim().to_owned());
    let patch = UserPatch {
        full_name,
        ..UserPatch::default()
    };
    let user = state
        .store
        .update_user(account.id(), patch, state.now())
        .await?;
    Ok(Answer(user.into()))
}

/// Deletes the account and everything of it.
#[utoipa::path(
    delete, path = "/api/v1/auth/me", tag = "auth", operation_id = "delete_me",
    request_body = AccountDeletion,
    responses((status = 204, description = "Nothing of the account remains"))
)]
pub(super) async fn delete(
    account: Account,
    State(state): State<AppState>,
    Peer(peer): Peer,
    Json(body): Json<AccountDeletion>,
) -> Result<Response, Problem> {
    state.limiters.password(&account.user.email, peer)?;
    let phc = state.store.password_hash(account.id()).await?;
    if !verify(&body.password, &phc).await? {
        return Err(wrong_password("/password"));
    }
    let user_id = account.id();
    // A task of its own: what must follow the deletion follows, whoever leaves.
    let task = state.clone();
    let deleted = state.config.tracker.spawn(async move {
        let mut alone = task.first_account.alone().await;
        task.store.delete_user(user_id).await?;
        alone.deleted(&*task.store).await;
        task.bus.signal(Signal::AccountDeleted { user_id });
        audit(&task, None, "delete_account", Some(user_id.0)).await;
        Ok::<_, Problem>(())
    });
    deleted.await.map_err(Problem::internal)??;
    signed_out(&state)
}

/// A 422 rather than a 401: the login is fine, a value isn't.
pub(super) fn wrong_password(pointer: &str) -> Problem {
    let detail = "The password is wrong.";
    Problem {
        code: "wrong_password",
        ..Problem::invalid(pointer, detail)
    }
}
