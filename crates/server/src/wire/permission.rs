//! Tools that a conversation need not ask for, on the wire.

use domain::Permission;
use serde::Serialize;
use utoipa::ToSchema;

use super::time::rfc3339;

/// Calls of this tool are not asked for in this conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PermissionResponse {
    pub tool_name: String,
    #[schema(format = DateTime)]
    pub created_at: String,
}

impl From<Permission> for PermissionResponse {
    fn from(permission: Permission) -> Self {
        Self {
            tool_name: permission.tool_name,
            created_at: rfc3339(permission.created_at),
        }
    }
}

/// By name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PermissionsResponse {
    pub permissions: Vec<PermissionResponse>,
}
