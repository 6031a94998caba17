//! The stable codes of problems: what programs go by.

/// Every stable `code` with what it means. Published in the API's documentation.
pub const CODES: &[(&str, &str)] = &[
    (
        "already_decided",
        "The approval, or the call of unknown outcome, was decided before.",
    ),
    (
        "arguments_changed",
        "The approval is bound to other arguments than those named.",
    ),
    (
        "body_too_large",
        "The body is larger than the route accepts.",
    ),
    (
        "busy",
        "Too many password checks are going on. Try again shortly.",
    ),
    (
        "call_not_unknown",
        "The outcome of the call is not in doubt: there is nothing to decide.",
    ),
    ("conflict", "A rule refuses the change."),
    ("account_disabled", "The account was disabled by an admin."),
    ("cross_site", "The request came from another site."),
    ("draining", "The server is stopping. Try again in a moment."),
    ("email_taken", "An account with this e-mail address exists."),
    ("forbidden", "The account may not do this."),
    ("gone", "What this key made was deleted."),
    (
        "idempotency_key_reused",
        "The key was used for a request with another body.",
    ),
    (
        "internal",
        "A defect. The request id leads the operator to the reason.",
    ),
    (
        "invalid_refresh_token",
        "The refresh token is unknown, used up or ended. Sign in again.",
    ),
    (
        "last_admin",
        "The last admin can't be removed, disabled or demoted.",
    ),
    (
        "malformed_frame",
        "The frame is not an object with a known type.",
    ),
    ("malformed_json", "The body is not JSON."),
    (
        "malformed_request",
        "It is not clear where the request ends.",
    ),
    (
        "method_not_allowed",
        "The path exists, the method doesn't. `Allow` names those that do.",
    ),
    (
        "not_acceptable",
        "The request can't be answered in the form it asks for.",
    ),
    ("not_found", "Unknown, deleted or somebody else's."),
    (
        "not_queued",
        "The message does not wait in the queue (any more), and can't be changed or removed.",
    ),
    (
        "not_writable",
        "Nothing can be stored now; nothing was. Reads go on.",
    ),
    (
        "outcome_unknown",
        "The write may or may not have happened. Repeat it with the same key.",
    ),
    (
        "parent_queued",
        "`parent_id` names a message that waits in the queue, or left it before its turn.",
    ),
    (
        "queue_full",
        "As many messages of this conversation wait as may.",
    ),
    (
        "rate_limited",
        "Too often. `Retry-After` says when to come back.",
    ),
    ("registration_closed", "Accounts are added by an admin."),
    ("request_timeout", "The body didn't arrive in time."),
    (
        "run_active",
        "The conversation has a run that is still going.",
    ),
    (
        "run_awaiting_approval",
        "The conversation has a run that waits for an approval.",
    ),
    (
        "setup_code",
        "The setup code is missing, wrong or used. The server prints one at the start, and when the last account is deleted.",
    ),
    (
        "tool_unavailable",
        "The tool is no longer configured, or the operator denies it.",
    ),
    ("too_many_sockets", "The account has too many open sockets."),
    (
        "too_many_watched",
        "The socket watches as many conversations as it may.",
    ),
    (
        "unauthenticated",
        "There is no valid access token. Sign in or refresh.",
    ),
    (
        "unreadable",
        "The log can't be read now. Come back with the last cursor.",
    ),
    (
        "unsupported_media_type",
        "The body must be `application/json`.",
    ),
    ("upgrade_required", "The path speaks WebSocket only."),
    (
        "validation",
        "The request is understood and something in it isn't allowed.",
    ),
    (
        "wrong_credentials",
        "The e-mail address or the password is wrong.",
    ),
    (
        "wrong_password",
        "The password given to confirm the change is wrong.",
    ),
];
