//! A call is written down before it may leave: its message, its ledger entry, its line in the feed.

use domain::{
    CallId, CallState, LedgerEntry, MessageStatus, MessageType, Role, Run, StoreResult, Timestamp,
    ToolClass,
};
use serde_json::{Value as Json, json};

use super::ledger;
use crate::conversations::Held;
use crate::messages::{self, NewMessage};
use crate::tx::Tx;

/// A call that is wanted, by the model or (again) by the user.
pub(crate) struct Intent {
    pub(crate) call_id: CallId,
    pub(crate) tool_name: String,
    pub(crate) class: ToolClass,
    pub(crate) arguments: Json,
    pub(crate) step: i64,
    pub(crate) position: i64,
    /// The unknown call that is tried again, and the key that its service knows.
    pub(crate) retry_of: Option<(CallId, CallId)>,
    /// Nobody is asked: the conversation has a permission.
    pub(crate) permitted: bool,
}

/// Behind the head of the active branch.
pub(crate) async fn record(
    tx: &mut Tx,
    held: &mut Held,
    run: &Run,
    intent: Intent,
    now: Timestamp,
) -> StoreResult<LedgerEntry> {
    let mut data = json!({
        "call_id": intent.call_id,
        "arguments": intent.arguments,
        "state": CallState::Intended.as_str(),
        "class": intent.class.as_str(),
    });
    if let Some((original, _)) = intent.retry_of {
        data["retry_of"] = json!(original);
    }
    if intent.permitted {
        data["permitted"] = json!("conversation");
    }
    let message = NewMessage {
        role: Role::Assistant,
        message_type: MessageType::ToolCall,
        content: intent.arguments.to_string(),
        status: MessageStatus::Complete,
        tool_name: Some(intent.tool_name.clone()),
        tool_success: None,
        additional_data: Some(data),
        run_id: Some(run.run_id),
        client_message_id: None,
    };
    let head = held.head;
    let message_id = messages::append(tx, held, head, message, now).await?;
    let entry = LedgerEntry {
        call_id: intent.call_id,
        run_id: run.run_id,
        step: intent.step,
        message_id,
        tool_name: intent.tool_name,
        class: intent.class,
        arguments: intent.arguments,
        state: CallState::Intended,
        result: None,
        key: intent.retry_of.map_or(intent.call_id, |(_, key)| key),
    };
    let retry_of = intent.retry_of.map(|(original, _)| original);
    ledger::insert(tx, run, intent.position, &entry, retry_of, now).await?;
    ledger::said(tx, run, &entry, CallState::Intended, now);
    Ok(entry)
}
