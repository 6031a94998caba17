//! Every column that may hold words holds some before they are deleted, or says here why none of a
//! user's reach it. The columns are asked of the database, so that a new one is missed by nobody.

use chaos::Database;

/// Columns that no word of a user reaches.
const OUT_OF_REACH: [(&str, &[&str]); 6] = [
    (
        "an id that the server makes",
        &[
            "approvals.approval_id",
            "approvals.call_id",
            "approvals.conversation_id",
            "approvals.run_id",
            "conversation_messages.conversation_id",
            "conversation_messages.run_id",
            "conversation_states.conversation_id",
            "events.conversation_id",
            "events.run_id",
            "idempotency_keys.made_id",
            "runs.conversation_id",
            "runs.node_id",
            "runs.run_id",
            "sessions.session_id",
            "steps.run_id",
            "tool_ledger.call_id",
            "tool_ledger.first_call_id",
            "tool_ledger.retry_of",
            "tool_ledger.run_id",
            "tool_permissions.conversation_id",
        ],
    ),
    (
        "one of a few words, kept by a CHECK or by the program",
        &[
            "approvals.decision",
            "approvals.scope",
            "audit_log.action",
            "conversation_messages.message_type",
            "conversation_messages.role",
            "conversation_messages.status",
            "conversation_messages.tool_success",
            "conversation_states.title_source",
            "events.kind",
            "runs.state",
            "tool_ledger.class",
            "tool_ledger.decision",
            "tool_ledger.state",
            "users.role",
        ],
    ),
    (
        "the operator's name of a tool, or the name of a time zone that exists",
        &[
            "approvals.tool_name",
            "runs.time_zone",
            "tool_permissions.tool_name",
        ],
    ),
    (
        "a hash",
        &[
            "approvals.arguments_hash",
            "idempotency_keys.body_hash",
            "users.password_hash",
        ],
    ),
    ("the server's own", &["settings.key", "settings.value"]),
    (
        UNUSED,
        &[
            "conversation_states.agent_id",
            "conversation_states.focus_areas",
            "runs.agent_id",
        ],
    ),
];
/// What nothing writes is empty, and no longer belongs into this list when it is not.
const UNUSED: &str = "nothing writes it";

/// Answers how many columns hold words of this owner.
pub async fn all_filled(database: &Database, words: &[String]) -> usize {
    let columns = database.texts_columns().await;
    let filled = database.columns_with(&columns, words).await;
    let reasons = |column: &str| {
        let named = OUT_OF_REACH
            .iter()
            .filter(|(_, names)| names.contains(&column));
        named.map(|(why, _)| *why).collect::<Vec<_>>()
    };
    let mut wrong = Vec::new();
    for column in &columns {
        match (filled.contains(column), reasons(column).as_slice()) {
            (true, []) | (false, [_]) => {}
            (true, why) => wrong.push(format!(
                "{column}: a user's word got there, although {why:?}"
            )),
            (false, why) => wrong.push(format!("{column}: no word in it, and no reason: {why:?}")),
        }
    }
    for name in OUT_OF_REACH.iter().flat_map(|(_, names)| *names) {
        if !columns.iter().any(|column| column == name) {
            wrong.push(format!("{name}: there is no such column"));
        }
    }
    let unused: Vec<String> = columns
        .into_iter()
        .filter(|c| reasons(c) == [UNUSED])
        .collect();
    for column in database.columns_used(&unused).await {
        wrong.push(format!("{column}: something writes it"));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    filled.len()
}
