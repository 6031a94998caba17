//! The effect ledger: what is known about each tool call, and its one outcome.

use domain::step::ToolOutcome;
use domain::todo::{Command, TodoAnswer, todo_json};
use domain::{
    CallId, CallState, EventBody, Fence, LedgerEntry, MessageId, MessageStatus, MessageType, Role,
    Run, RunId, StepKind, StoreError, StoreResult, Timestamp, ToolClass, ToolSuccess,
};
use serde_json::{Value as Json, json};

use super::row;
use super::step;
use crate::approvals;
use crate::conversations::Held;
use crate::messages::{self, NewMessage};
use crate::sql::statements;
use crate::todos;
use crate::tx::Tx;
use crate::value::{Row, args};

macro_rules! columns {
    () => {
        "call_id, run_id, step, message_id, tool_name, class, arguments, state, result, left_at, \
         first_call_id"
    };
}

statements! {
    INSERT_ENTRY {
        "INSERT INTO tool_ledger (call_id, run_id, user_id, step, position, message_id, tool_name, \
         class, arguments, state, created_at, retry_of, first_call_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'intended', $10, $11, $12)"
    }
    ENTRY { "SELECT " columns!() " FROM tool_ledger WHERE call_id = $1 AND run_id = $2" lock }
    ENTRIES_OF_STEP {
        "SELECT " columns!() " FROM tool_ledger WHERE run_id = $1 AND step = (\
         SELECT MAX(step) FROM tool_ledger WHERE run_id = $1) ORDER BY position"
    }
    OPEN_ENTRIES {
        "SELECT " columns!() " FROM tool_ledger WHERE run_id = $1 AND state = 'intended' \
         ORDER BY step, position"
    }
    ENTRIES_OF_MESSAGE {
        "SELECT " columns!() " FROM tool_ledger WHERE run_id = $1 AND step = $2 ORDER BY position"
    }
    SETTLE {
        "UPDATE tool_ledger SET state = $2, result = $3, settled_at = $4 WHERE call_id = $1"
    }
    LEFT { "UPDATE tool_ledger SET left_at = COALESCE(left_at, $2) WHERE call_id = $1" }
    LAST_RESULT {
        "UPDATE conversation_states SET last_tool_result = $2 WHERE conversation_id = $1"
    }
}

/// A row of the ledger, and when its call may have left.
pub(crate) struct Entry {
    pub(crate) entry: LedgerEntry,
    pub(crate) left_at: Option<Timestamp>,
}

pub(crate) fn entry(row: &Row) -> StoreResult<Entry> {
    let left_at = row.maybe_time("left_at")?;
    let call_id = CallId(row.get("call_id")?);
    let first = row.get::<Option<uuid::Uuid>>("first_call_id")?;
    // The table keeps one state for a call without an outcome; that it left is a time beside it.
    let state = match (row.word("state", CallState::parse)?, left_at) {
        (CallState::Intended, Some(_)) => CallState::Running,
        (state, _) => state,
    };
    let entry = LedgerEntry {
        call_id,
        run_id: RunId(row.get("run_id")?),
        step: row.get("step")?,
        message_id: MessageId(row.get("message_id")?),
        tool_name: row.get("tool_name")?,
        class: row.word("class", ToolClass::parse)?,
        arguments: row.json("arguments")?.unwrap_or_default(),
        state,
        result: row.json("result")?,
        key: first.map_or(call_id, CallId),
    };
    Ok(Entry { entry, left_at })
}

pub(crate) async fn insert(
    tx: &mut Tx,
    run: &Run,
    position: i64,
    entry: &LedgerEntry,
    retry_of: Option<CallId>,
    now: Timestamp,
) -> StoreResult<()> {
    let args = args![
        entry.call_id,
        run.run_id,
        run.user_id,
        entry.step,
        position,
        entry.message_id,
        &entry.tool_name,
        entry.class.as_str(),
        &entry.arguments,
        now,
        retry_of,
        retry_of.map(|_| entry.key),
    ];
    tx.run(INSERT_ENTRY, args).await.map(|_| ())
}

fn plain(rows: &[Row]) -> StoreResult<Vec<LedgerEntry>> {
    rows.iter()
        .map(|row| entry(row).map(|found| found.entry))
        .collect()
}

/// The entries of the last model step.
pub(crate) async fn of_last_step(tx: &mut Tx, run_id: RunId) -> StoreResult<Vec<LedgerEntry>> {
    plain(&tx.all(ENTRIES_OF_STEP, args![run_id]).await?)
}

pub(crate) async fn of_step(tx: &mut Tx, run_id: RunId, at: i64) -> StoreResult<Vec<LedgerEntry>> {
    plain(&tx.all(ENTRIES_OF_MESSAGE, args![run_id, at]).await?)
}

/// Entries without an outcome.
pub(crate) async fn open(tx: &mut Tx, run_id: RunId) -> StoreResult<Vec<Entry>> {
    tx.all(OPEN_ENTRIES, args![run_id])
        .await?
        .iter()
        .map(entry)
        .collect()
}

async fn locked(tx: &mut Tx, run: &Run, call_id: CallId) -> StoreResult<Entry> {
    entry(&tx.one(ENTRY, args![call_id, run.run_id]).await?)
}

pub(crate) fn said(tx: &mut Tx, run: &Run, entry: &LedgerEntry, state: CallState, now: Timestamp) {
    let body = EventBody::Tool {
        call_id: entry.call_id,
        message_id: entry.message_id,
        name: entry.tool_name.clone(),
        state,
    };
    tx.emit(
        run.user_id,
        Some(run.conversation_id),
        Some(run.run_id),
        body,
        now,
    );
}

fn outcome_of(entry: &LedgerEntry) -> Option<ToolOutcome> {
    let result = entry.result.clone().unwrap_or_default();
    entry.state.is_settled().then_some(ToolOutcome {
        state: entry.state,
        result,
    })
}

pub(crate) async fn running(
    tx: &mut Tx,
    fence: Fence,
    call_id: CallId,
    now: Timestamp,
) -> StoreResult<()> {
    let (_, run) = row::fenced(tx, fence).await?;
    let found = locked(tx, &run, call_id).await?;
    if !found.entry.state.is_settled() {
        unstopped(&run)?;
        tx.run(LEFT, args![call_id, now]).await?;
        said(tx, &run, &found.entry, CallState::Running, now);
    }
    Ok(())
}

/// A stop is acknowledged once it is recorded, and its word to the driver may still be under way then.
fn unstopped(run: &Run) -> StoreResult<()> {
    if run.cancel_requested {
        return Err(StoreError::Stopped);
    }
    Ok(())
}

pub(crate) async fn record_outcome(
    tx: &mut Tx,
    fence: Fence,
    call_id: CallId,
    outcome: ToolOutcome,
    now: Timestamp,
) -> StoreResult<ToolOutcome> {
    let (mut held, mut run) = row::fenced(tx, fence).await?;
    let found = locked(tx, &run, call_id).await?.entry;
    if let Some(known) = outcome_of(&found) {
        return Ok(known);
    }
    settle(tx, &mut held, &mut run, &found, &outcome, now).await?;
    Ok(outcome)
}

/// Ledger, step, result message and feed, in the caller's transaction.
pub(crate) async fn settle(
    tx: &mut Tx,
    held: &mut Held,
    run: &mut Run,
    entry: &LedgerEntry,
    outcome: &ToolOutcome,
    now: Timestamp,
) -> StoreResult<()> {
    let success = match outcome.state {
        CallState::Succeeded => ToolSuccess::True,
        CallState::Failed | CallState::Denied => ToolSuccess::False,
        CallState::Unknown => ToolSuccess::Unknown,
        CallState::Intended | CallState::Running => {
            return Err(StoreError::internal("an outcome that is none"));
        }
    };
    let args = args![entry.call_id, outcome.state.as_str(), &outcome.result, now];
    tx.run(SETTLE, args).await?;
    if outcome.state != CallState::Succeeded {
        approvals::withdraw(tx, run.run_id, entry.call_id, now).await?;
    }
    let kind = StepKind::ToolCall {
        call_id: entry.call_id,
        outcome: outcome.clone(),
    };
    step::record(tx, run, &kind, now).await?;

    let mut call = messages::bare(tx, run.user_id, entry.message_id).await?;
    let state = json!(outcome.state.as_str());
    call.additional_data = messages::with(call.additional_data.take(), "state", state);
    messages::write(tx, &call).await?;

    let result = NewMessage {
        role: Role::Tool,
        message_type: MessageType::ToolResult,
        content: as_text(&outcome.result),
        status: MessageStatus::Complete,
        tool_name: Some(entry.tool_name.clone()),
        tool_success: Some(success),
        additional_data: Some(json!({ "call_id": entry.call_id, "result": outcome.result })),
        run_id: Some(run.run_id),
        client_message_id: None,
    };
    let head = held.head;
    messages::append(tx, held, head, result, now).await?;
    tx.run(
        LAST_RESULT,
        args![held.conversation_id, as_object(&outcome.result)],
    )
    .await?;
    said(tx, run, entry, outcome.state, now);
    Ok(())
}

pub(crate) fn as_text(result: &Json) -> String {
    match result {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub(crate) fn as_object(result: &Json) -> Json {
    if result.is_object() {
        result.clone()
    } else {
        json!({ "value": result })
    }
}

/// The effect and its outcome in one transaction: exactly once.
pub(crate) async fn commit_command(
    tx: &mut Tx,
    fence: Fence,
    call_id: CallId,
    command: Command,
    now: Timestamp,
) -> StoreResult<ToolOutcome> {
    let (mut held, mut run) = row::fenced(tx, fence).await?;
    let found = locked(tx, &run, call_id).await?.entry;
    if let Some(known) = outcome_of(&found) {
        return Ok(known);
    }
    unstopped(&run)?;
    let outcome = match command {
        Command::Todo(command) => match todos::execute(tx, run.user_id, command, now).await {
            Ok(answer) => todo_outcome(&answer),
            // Refused before anything was written: the model may be told.
            Err(StoreError::Conflict { detail, .. }) => ToolOutcome::failed(&detail),
            Err(other) => return Err(other),
        },
    };
    settle(tx, &mut held, &mut run, &found, &outcome, now).await?;
    Ok(outcome)
}

fn todo_outcome(answer: &TodoAnswer) -> ToolOutcome {
    let result = match answer {
        TodoAnswer::One(todo) => todo_json(todo),
        TodoAnswer::Removed(id) => json!({ "removed": id.0 }),
        TodoAnswer::Many(todos) => {
            json!({ "todos": todos.iter().map(todo_json).collect::<Vec<_>>() })
        }
        TodoAnswer::NotFound => return ToolOutcome::failed("There is no todo with this id."),
    };
    ToolOutcome {
        state: CallState::Succeeded,
        result,
    }
}
