//! What anybody may know about the server.

use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationMode {
    Open,
    Closed,
}

impl From<crate::Registration> for RegistrationMode {
    fn from(registration: crate::Registration) -> Self {
        match registration {
            crate::Registration::Open => Self::Open,
            crate::Registration::Closed => Self::Closed,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MetaResponse {
    #[schema(example = "Rejoinder")]
    pub name: &'static str,
    pub version: &'static str,
    /// There is no account yet: the next one becomes admin.
    pub first_start: bool,
    pub registration: RegistrationMode,
    /// The first account needs the code that the server printed when it started.
    pub setup_code_required: bool,
    /// What the operator runs when a password is forgotten.
    pub password_reset_command: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HealthResponse {
    #[schema(example = "ok")]
    pub status: &'static str,
}
