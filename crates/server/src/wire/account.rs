//! Accounts and logins on the wire.

use domain::{Session, SessionId, User};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::mirror;
use super::time::rfc3339;

mirror! {
    UserRole of domain::UserRole { Admin, User }
}

impl From<UserRole> for domain::UserRole {
    fn from(role: UserRole) -> Self {
        match role {
            UserRole::Admin => Self::Admin,
            UserRole::User => Self::User,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UserResponse {
    pub id: i64,
    pub email: String,
    pub full_name: String,
    pub role: UserRole,
    #[schema(format = DateTime)]
    pub created_at: String,
}

impl From<User> for UserResponse {
    fn from(user: User) -> Self {
        Self {
            id: user.id.0,
            email: user.email,
            full_name: user.full_name,
            role: user.role.into(),
            created_at: rfc3339(user.created_at),
        }
    }
}

/// An account as an admin sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AdminUserResponse {
    pub id: i64,
    pub email: String,
    pub full_name: String,
    pub role: UserRole,
    #[schema(format = DateTime)]
    pub created_at: String,
    pub disabled: bool,
}

impl From<User> for AdminUserResponse {
    fn from(user: User) -> Self {
        Self {
            disabled: user.disabled,
            id: user.id.0,
            email: user.email,
            full_name: user.full_name,
            role: user.role.into(),
            created_at: rfc3339(user.created_at),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AdminUsersResponse {
    pub users: Vec<AdminUserResponse>,
}

#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminUserCreate {
    pub email: String,
    /// 8..=1024 characters.
    pub password: String,
    pub full_name: String,
    #[serde(default)]
    pub role: Option<UserRole>,
}

/// What is left out stays.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminUserChange {
    #[serde(default)]
    pub role: Option<UserRole>,
    #[serde(default)]
    pub disabled: Option<bool>,
}

#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterRequest {
    pub email: String,
    /// 8..=1024 characters.
    pub password: String,
    /// 1..=200 characters.
    pub full_name: String,
    /// Of the first account, where the server asks for one.
    #[serde(default)]
    pub setup_code: Option<String>,
}

#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    pub email: String,
    pub password: String,
    /// Accepted and not used yet.
    #[serde(default)]
    pub totp_code: Option<String>,
}

#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// Left out: the cookie.
    #[serde(default)]
    pub refresh_token: Option<String>,
}

#[derive(Clone, Serialize, ToSchema)]
pub struct TokenResponse {
    /// Ten minutes.
    pub access_token: String,
    pub refresh_token: String,
    #[schema(example = "bearer")]
    pub token_type: &'static str,
    /// Seconds.
    pub expires_in: i64,
    pub mfa_required: bool,
    pub user: UserResponse,
}

/// What is left out stays.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileChange {
    /// 1..=200 characters.
    #[serde(default)]
    pub full_name: Option<String>,
}

#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountDeletion {
    pub password: String,
}

#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    pub current_password: String,
    /// 8..=1024 characters.
    pub new_password: String,
}

/// A login on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionResponse {
    #[schema(format = Uuid)]
    pub session_id: String,
    #[schema(required)]
    pub user_agent: Option<String>,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub last_used_at: String,
    /// The one that asks.
    pub current: bool,
}

impl SessionResponse {
    #[must_use]
    pub fn new(session: Session, current: SessionId) -> Self {
        Self {
            current: session.session_id == current,
            session_id: session.session_id.to_string(),
            user_agent: session.user_agent,
            created_at: rfc3339(session.created_at),
            last_used_at: rfc3339(session.last_used_at),
        }
    }
}

/// Newest use first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionsResponse {
    pub sessions: Vec<SessionResponse>,
}

/// A one-use key to a WebSocket.
#[derive(Clone, Serialize, ToSchema)]
pub struct TicketResponse {
    pub ticket: String,
    /// Seconds.
    pub expires_in: i64,
}
