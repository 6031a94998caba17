//! `POST /api/v1/auth/password`

use axum::extract::State;
use axum::http::StatusCode;
use domain::{Signal, StoreError};

use super::me::wrong_password;
use super::{audit, check_password, hash, verify};
use crate::auth::Account;
use crate::error::Problem;
use crate::extract::{Check, Json, Peer};
use crate::state::AppState;
use crate::wire::account::PasswordChange;

/// Changes the password and ends all other sessions.
#[utoipa::path(
    post, path = "/api/v1/auth/password", tag = "auth", operation_id = "change_password",
    request_body = PasswordChange,
    responses((status = 204, description = "Changed; other sessions have ended"))
)]
pub(super) async fn change(
    account: Account,
    State(state): State<AppState>,
    Peer(peer): Peer,
    Json(body): Json<PasswordChange>,
) -> Result<StatusCode, Problem> {
    let mut check = Check::default();
    check_password(&mut check, "/new_password", &body.new_password);
    check.done()?;
    state.limiters.password(&account.user.email, peer)?;
    let user_id = account.id();
    let phc = state.store.password_hash(user_id).await?;
    if !verify(&body.current_password, &phc).await? {
        return Err(wrong_password("/current_password"));
    }
    let password_hash = hash(&body.new_password).await?;
    let except = Some(account.session.session_id);
    // A task of its own: open sockets of the other sessions are told, whoever leaves.
    let task = state.clone();
    let changed = state.config.tracker.spawn(async move {
        task.store
            .change_password(user_id, Some(phc), password_hash, except, task.now())
            .await
            .map_err(|error| match error {
                // Changed, by somebody else, since it was looked at.
                StoreError::NotFound => wrong_password("/current_password"),
                error => error.into(),
            })?;
        task.bus.signal(Signal::SessionsEnded {
            user_id,
            session_id: None,
            except,
        });
        audit(&task, Some(user_id), "change_password", Some(user_id.0)).await;
        Ok::<_, Problem>(())
    });
    changed.await.map_err(Problem::internal)??;
    Ok(StatusCode::NO_CONTENT)
}
