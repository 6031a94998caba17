//! Every route and socket frame with what it acts on: the one list from which access is documented
//! and tested. A route that is missing here fails a test.

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Whoever holds the secret that the call itself carries: a password, a refresh token.
    Secret,
    /// A signed-in account, for what is its own.
    Account,
    /// A signed-in admin.
    Admin,
    /// The operator, by address or token.
    Operator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// `WS` for frames of the socket.
    pub method: &'static str,
    /// Of a frame: its type.
    pub path: &'static str,
    pub resource: &'static str,
    pub action: &'static str,
    pub access: Access,
    /// Refusals beside those that follow from access and body.
    pub errors: &'static [u16],
}

const fn op(
    method: &'static str,
    path: &'static str,
    (resource, action): (&'static str, &'static str),
    access: Access,
    errors: &'static [u16],
) -> Operation {
    Operation {
        method,
        path,
        resource,
        action,
        access,
        errors,
    }
}

use Access::{Account, Admin, Operator, Public, Secret};

const CONVERSATION: &str = "/api/v1/chat/conversations/{conversation_id}";
const MESSAGES: &str = "/api/v1/chat/conversations/{conversation_id}/messages";
const MESSAGE: &str = "/api/v1/chat/conversations/{conversation_id}/messages/{message_id}";
const REVISIONS: &str =
    "/api/v1/chat/conversations/{conversation_id}/messages/{message_id}/revisions";
const REGENERATE: &str =
    "/api/v1/chat/conversations/{conversation_id}/messages/{message_id}/regenerate";

const PERMISSIONS: &str = "/api/v1/chat/conversations/{conversation_id}/permissions";
const PERMISSION: &str = "/api/v1/chat/conversations/{conversation_id}/permissions/{tool_name}";

pub const OPERATIONS: &[Operation] = &[
    op(
        "POST",
        "/api/v1/auth/register",
        ("account", "register"),
        Secret,
        &[403, 409, 429],
    ),
    op(
        "POST",
        "/api/v1/auth/login",
        ("session", "create"),
        Secret,
        &[401, 403, 429],
    ),
    op(
        "POST",
        "/api/v1/auth/refresh",
        ("session", "refresh"),
        Secret,
        &[401, 403],
    ),
    op(
        "POST",
        "/api/v1/auth/logout",
        ("session", "end"),
        Secret,
        &[403],
    ),
    op(
        "POST",
        "/api/v1/auth/logout-all",
        ("session", "end_all"),
        Account,
        &[],
    ),
    op("GET", "/api/v1/auth/me", ("account", "read"), Account, &[]),
    op(
        "PATCH",
        "/api/v1/auth/me",
        ("account", "change"),
        Account,
        &[],
    ),
    op(
        "DELETE",
        "/api/v1/auth/me",
        ("account", "delete"),
        Account,
        &[409, 429],
    ),
    op(
        "POST",
        "/api/v1/auth/password",
        ("account", "change_password"),
        Account,
        &[429],
    ),
    op(
        "GET",
        "/api/v1/auth/sessions",
        ("session", "list"),
        Account,
        &[],
    ),
    op(
        "DELETE",
        "/api/v1/auth/sessions/{id}",
        ("session", "end_one"),
        Account,
        &[404],
    ),
    op("GET", "/api/v1/admin/users", ("user", "list"), Admin, &[]),
    op(
        "POST",
        "/api/v1/admin/users",
        ("user", "add"),
        Admin,
        &[409],
    ),
    op(
        "PATCH",
        "/api/v1/admin/users/{id}",
        ("user", "change"),
        Admin,
        &[404, 409],
    ),
    op(
        "POST",
        "/api/v1/chat/messages",
        ("message", "send"),
        Account,
        &[404, 409, 410, 429],
    ),
    op(
        "GET",
        "/api/v1/chat/conversations",
        ("conversation", "list"),
        Account,
        &[422],
    ),
    op(
        "POST",
        "/api/v1/chat/conversations",
        ("conversation", "create"),
        Account,
        &[409, 410],
    ),
    op(
        "GET",
        CONVERSATION,
        ("conversation", "read"),
        Account,
        &[404],
    ),
    op(
        "PATCH",
        CONVERSATION,
        ("conversation", "change"),
        Account,
        &[404],
    ),
    op(
        "DELETE",
        CONVERSATION,
        ("conversation", "delete"),
        Account,
        &[404],
    ),
    op("GET", MESSAGES, ("message", "list"), Account, &[404, 422]),
    op(
        "PATCH",
        MESSAGE,
        ("message", "change"),
        Account,
        &[404, 409],
    ),
    op(
        "DELETE",
        MESSAGE,
        ("message", "remove"),
        Account,
        &[404, 409],
    ),
    op("GET", REVISIONS, ("message", "revisions"), Account, &[404]),
    op(
        "POST",
        REGENERATE,
        ("message", "regenerate"),
        Account,
        &[404, 409, 410, 429],
    ),
    op(
        "GET",
        "/api/v1/chat/runs/{run_id}",
        ("run", "read"),
        Account,
        &[404],
    ),
    op(
        "POST",
        "/api/v1/chat/runs/{run_id}/cancel",
        ("run", "cancel"),
        Account,
        &[404],
    ),
    op(
        "GET",
        "/api/v1/chat/runs/{run_id}/events",
        ("run", "follow"),
        Account,
        &[404, 429],
    ),
    op(
        "GET",
        "/api/v1/chat/approvals",
        ("approval", "list"),
        Account,
        &[],
    ),
    op(
        "POST",
        "/api/v1/chat/approvals/{id}",
        ("approval", "decide"),
        Account,
        &[404, 409],
    ),
    op(
        "GET",
        "/api/v1/chat/calls",
        ("call", "list"),
        Account,
        &[422],
    ),
    op(
        "GET",
        "/api/v1/chat/calls/{call_id}",
        ("call", "read"),
        Account,
        &[404],
    ),
    op(
        "POST",
        "/api/v1/chat/calls/{call_id}",
        ("call", "decide"),
        Account,
        &[404, 409, 429],
    ),
    op("GET", PERMISSIONS, ("permission", "list"), Account, &[404]),
    op(
        "DELETE",
        PERMISSION,
        ("permission", "revoke"),
        Account,
        &[404],
    ),
    op(
        "GET",
        "/api/v1/chat/sync",
        ("feed", "follow"),
        Account,
        &[404, 422, 429],
    ),
    op(
        "POST",
        "/api/v1/chat/ws-ticket",
        ("socket", "ticket"),
        Account,
        &[429],
    ),
    op(
        "GET",
        "/api/v1/chat/ws",
        ("socket", "open"),
        Account,
        &[403, 426],
    ),
    op("GET", "/api/v1/models", ("model", "list"), Account, &[]),
    op("GET", "/api/v1/tools", ("tool", "list"), Account, &[]),
    op("GET", "/api/v1/todos", ("todo", "list"), Account, &[]),
    op(
        "POST",
        "/api/v1/todos",
        ("todo", "add"),
        Account,
        &[409, 410],
    ),
    op(
        "PATCH",
        "/api/v1/todos/{id}",
        ("todo", "change"),
        Account,
        &[404],
    ),
    op(
        "DELETE",
        "/api/v1/todos/{id}",
        ("todo", "remove"),
        Account,
        &[404],
    ),
    op("GET", "/api/v1/meta", ("server", "meta"), Public, &[]),
    op("GET", "/health", ("server", "health"), Public, &[]),
    op("GET", "/ready", ("server", "ready"), Public, &[]),
    op("GET", "/metrics", ("server", "metrics"), Operator, &[404]),
    op(
        "WS",
        "message",
        ("message", "send"),
        Account,
        &[404, 409, 410, 422, 429],
    ),
    op(
        "WS",
        "watch",
        ("conversation", "watch"),
        Account,
        &[404, 422],
    ),
    op("WS", "unwatch", ("conversation", "unwatch"), Account, &[]),
    op("WS", "stop", ("run", "cancel"), Account, &[404]),
    op(
        "WS",
        "approval",
        ("approval", "decide"),
        Account,
        &[404, 409],
    ),
    op("WS", "call", ("call", "decide"), Account, &[404, 409, 429]),
    op("WS", "typing", ("conversation", "typing"), Account, &[]),
    op("WS", "auth", ("socket", "renew"), Account, &[401]),
    op("WS", "ping", ("socket", "ping"), Account, &[]),
];

/// The entry of a documented path.
#[must_use]
pub fn find(method: &str, path: &str) -> Option<&'static Operation> {
    OPERATIONS
        .iter()
        .find(|op| op.method.eq_ignore_ascii_case(method) && op.path == path)
}
