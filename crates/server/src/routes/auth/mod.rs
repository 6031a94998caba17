//! Accounts and logins.

mod login;
mod logout;
mod me;
mod password;
mod refresh;
mod register;
mod sessions;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::password::{self as hashing, PasswordError};
use crate::error::Problem;
use crate::extract::Check;
use crate::limits::{EMAIL_CHARS, NAME_CHARS, PASSWORD_MAX_CHARS, PASSWORD_MIN_CHARS};
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(register::create))
        .routes(routes!(login::create))
        .routes(routes!(refresh::create))
        .routes(routes!(logout::create))
        .routes(routes!(logout::everywhere))
        .routes(routes!(me::read, me::change, me::delete))
        .routes(routes!(password::change))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::delete))
}

pub(super) fn check_email(check: &mut Check, email: &str) {
    let email = email.trim();
    let parts = email.split_once('@');
    let usual = email.chars().count() <= EMAIL_CHARS
        && !email.chars().any(|c| c.is_whitespace() || c.is_control())
        && parts.is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !domain.contains('@')
        });
    check.ensure(usual, "/email", "This must be an e-mail address.");
}

/// The rules of an account, for who makes or changes one past the API; the error says which one is
/// not kept.
pub fn check_account(
    email: Option<&str>,
    full_name: Option<&str>,
    password: Option<&str>,
) -> Result<(), String> {
    let mut check = Check::default();
    if let Some(email) = email {
        check_email(&mut check, email);
    }
    if let Some(name) = full_name {
        check_name(&mut check, name);
    }
    if let Some(password) = password {
        check_password(&mut check, "/password", password);
    }
    let told = |problem: Problem| {
        let faults = problem.errors.iter();
        let told = faults.map(|fault| format!("{}: {}", &fault.pointer[1..], fault.message));
        told.collect::<Vec<_>>().join(" ")
    };
    check.done().map_err(told)
}

pub(super) fn check_name(check: &mut Check, name: &str) {
    check.line("/full_name", name, NAME_CHARS);
}

pub(super) fn check_password(check: &mut Check, pointer: &str, password: &str) {
    let length = password.chars().count();
    if !(PASSWORD_MIN_CHARS..=PASSWORD_MAX_CHARS).contains(&length) {
        let message =
            format!("A password has {PASSWORD_MIN_CHARS} to {PASSWORD_MAX_CHARS} characters.");
        check.fail(pointer, message);
    } else if password.contains('\0') {
        check.fail(pointer, "The character NUL is not allowed.");
    }
}

pub(super) async fn hash(password: &str) -> Result<String, Problem> {
    hashing::hash(password).await.map_err(password_problem)
}

/// Too long a password is wrong without being computed.
pub(super) async fn verify(password: &str, phc: &str) -> Result<bool, Problem> {
    if password.chars().count() > PASSWORD_MAX_CHARS {
        return Ok(false);
    }
    hashing::verify(password, phc)
        .await
        .map_err(password_problem)
}

fn password_problem(error: PasswordError) -> Problem {
    match error {
        PasswordError::Busy => Problem::new(
            axum::http::StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "Many people are signing in. Try again in a moment.",
        )
        .retry_after(3),
        PasswordError::Internal(reason) => Problem::internal(reason),
    }
}

/// Keeps a trace of who did what. What was done stands even where the trace can't be written.
pub(super) async fn audit(
    state: &AppState,
    actor: Option<domain::UserId>,
    action: &str,
    subject: Option<i64>,
) {
    if let Err(error) = state.store.audit(actor, action, subject, state.now()).await {
        tracing::warn!(%error, action, "the audit log could not be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_recognised() {
        let accepted = |email: &str| {
            let mut check = Check::default();
            check_email(&mut check, email);
            check.done().is_ok()
        };
        for good in ["a@b", "a.b+c@example.org", " a@b ", "ü@exämple.org"] {
            assert!(accepted(good), "{good}");
        }
        let long = format!("{}@b", "a".repeat(254));
        for bad in [
            "", "a", "@b", "a@", "a@b@c", "a b@c", "a@b\0", "a@b\nc", &long,
        ] {
            assert!(!accepted(bad), "{bad}");
        }
    }

    #[test]
    fn passwords_are_counted_in_characters() {
        let accepted = |password: &str| {
            let mut check = Check::default();
            check_password(&mut check, "/password", password);
            check.done().is_ok()
        };
        assert!(accepted("ääääääää"));
        assert!(accepted(&"語".repeat(1024)));
        for bad in ["", "1234567", &"x".repeat(1025), "1234567\0"] {
            assert!(!accepted(bad));
        }
    }
}
