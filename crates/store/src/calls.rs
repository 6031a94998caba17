//! Calls whose outcome is unknown: listed, and decided once by their user.

use async_trait::async_trait;
use domain::step::ToolOutcome;
use domain::store::{CallStore, NewRetry};
use domain::{
    Call, CallDecision, CallId, CallState, ConversationId, EventBody, Message, RunId, StoreError,
    StoreResult, Timestamp, ToolSuccess, UserId,
};
use serde_json::{Value as Json, json};

use crate::SqlStore;
use crate::conversations::{self, Held};
use crate::db::{read, tx};
use crate::messages::{self, said_message};
use crate::runs::{ledger, retry};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Row, args};

macro_rules! calls {
    () => {
        "SELECT l.call_id, l.run_id, l.step, l.message_id, l.tool_name, l.class, l.arguments, \
         l.state, l.result, l.left_at, l.first_call_id, l.decision, l.decided_at, l.retry_of, \
         l.created_at, l.settled_at, r.conversation_id, n.call_id AS retry_call_id, \
         n.run_id AS retry_run_id FROM tool_ledger l JOIN runs r ON r.run_id = l.run_id \
         LEFT JOIN tool_ledger n ON n.retry_of = l.call_id"
    };
}

statements! {
    CALL { calls!() " WHERE l.call_id = $1 AND l.user_id = $2" }
    UNKNOWN_CALLS {
        calls!() " WHERE l.user_id = $1 AND l.state = 'unknown' AND l.decision IS NULL \
         ORDER BY l.created_at DESC, l.call_id DESC LIMIT $2"
    }
    /// Compare-and-set: one decision, whoever asks from wherever.
    DECIDE_CALL {
        "UPDATE tool_ledger SET decision = $2, decided_at = $3, state = $4, result = $5 \
         WHERE call_id = $1 AND state = 'unknown' AND decision IS NULL"
    }
    RESULT_OF_CALL {
        "SELECT id FROM conversation_messages WHERE run_id = $1 AND message_type = 'tool_result' \
         AND additional_data ->> 'call_id' = $2"
    }
    SET_SUCCESS { "UPDATE conversation_messages SET tool_success = $2 WHERE id = $1" }
    LAST_RESULT_STILL {
        "UPDATE conversation_states SET last_tool_result = $2 WHERE conversation_id = $1 \
         AND NOT EXISTS (SELECT 1 FROM conversation_messages m WHERE m.conversation_id = $1 \
         AND m.message_type = 'tool_result' AND m.id > $3)"
    }
}

fn call(row: &Row) -> StoreResult<Call> {
    let decision = match row.get::<Option<String>>("decision")? {
        Some(_) => Some(row.word("decision", CallDecision::parse)?),
        None => None,
    };
    let uuid = |column| row.get::<Option<uuid::Uuid>>(column);
    Ok(Call {
        entry: ledger::entry(row)?.entry,
        conversation_id: ConversationId(row.get("conversation_id")?),
        decision,
        decided_at: row.maybe_time("decided_at")?,
        retry_of: uuid("retry_of")?.map(CallId),
        retried_by: uuid("retry_call_id")?
            .map(CallId)
            .zip(uuid("retry_run_id")?.map(RunId)),
        created_at: row.time("created_at")?,
        settled_at: row.maybe_time("settled_at")?,
    })
}

async fn unknown(tx: &mut Tx, user_id: UserId, limit: i64) -> StoreResult<Vec<Call>> {
    let rows = tx.all(UNKNOWN_CALLS, args![user_id, limit.max(0)]).await?;
    rows.iter().map(call).collect()
}

async fn get(tx: &mut Tx, user_id: UserId, id: CallId) -> StoreResult<Call> {
    call(&tx.one(CALL, args![id, user_id]).await?)
}

/// What is known of the call from now on.
fn decided(decision: CallDecision) -> ToolOutcome {
    match decision {
        CallDecision::Happened => ToolOutcome {
            state: CallState::Succeeded,
            result: json!({ "note": "The user says that this call has happened. What it answered \
                is not known." }),
        },
        CallDecision::DidNotHappen => {
            ToolOutcome::failed("The user says that this call did not happen.")
        }
        CallDecision::Retry => ToolOutcome::without_result(
            CallState::Unknown,
            "It is not known whether this call happened. The user had it made once more: see the \
             later call.",
        ),
    }
}

async fn decide(
    tx: &mut Tx,
    user_id: UserId,
    id: CallId,
    decision: CallDecision,
    new: NewRetry,
    now: Timestamp,
) -> StoreResult<Call> {
    let seen = get(tx, user_id, id).await?;
    let mut held = conversations::hold(tx, user_id, seen.conversation_id).await?;
    // Every write to the ledger holds the conversation: what is read now stays.
    let call = get(tx, user_id, id).await?;
    refuse_decided(&call)?;
    if decision == CallDecision::Retry {
        retry::queue(tx, &mut held, &call, new, now).await?;
    }
    let outcome = decided(decision);
    let args = args![
        id,
        decision.as_str(),
        now,
        outcome.state.as_str(),
        &outcome.result
    ];
    if tx.run(DECIDE_CALL, args).await? != 1 {
        return Err(StoreError::internal("a call was decided beside its lock"));
    }
    rewrite(tx, &held, &call, decision, &outcome, now).await?;
    get(tx, user_id, id).await
}

fn refuse_decided(call: &Call) -> StoreResult<()> {
    let (code, detail) = match (call.decision, call.entry.state) {
        (Some(_), _) => ("already_decided", "This call has been decided already."),
        (None, CallState::Unknown) => return Ok(()),
        (None, _) => (
            "call_not_unknown",
            "Nothing is to be decided about this call: its outcome is not in doubt.",
        ),
    };
    Err(StoreError::Conflict {
        code,
        detail: detail.to_owned(),
    })
}

/// Messages and feed say what the ledger says.
async fn rewrite(
    tx: &mut Tx,
    held: &Held,
    call: &Call,
    decision: CallDecision,
    outcome: &ToolOutcome,
    now: Timestamp,
) -> StoreResult<()> {
    let entry = &call.entry;
    let mut asked = messages::bare(tx, held.user_id, entry.message_id).await?;
    let data = json!({ "state": outcome.state.as_str(), "decision": decision.as_str() });
    asked.additional_data = messages::merged(asked.additional_data.take(), &data);
    messages::write(tx, &asked).await?;
    said_message(tx, held, Some(entry.run_id), asked.id, now);

    let row = tx
        .one(
            RESULT_OF_CALL,
            args![entry.run_id, entry.call_id.to_string()],
        )
        .await?;
    let mut result = messages::bare(tx, held.user_id, domain::MessageId(row.get("id")?)).await?;
    supersede(tx, held, &mut result, &outcome.result, now).await?;
    let success = match outcome.state {
        CallState::Succeeded => ToolSuccess::True,
        CallState::Failed => ToolSuccess::False,
        _ => ToolSuccess::Unknown,
    };
    tx.run(SET_SUCCESS, args![result.id, success.as_str()])
        .await?;
    said_message(tx, held, Some(entry.run_id), result.id, now);
    let last = ledger::as_object(&outcome.result);
    tx.run(
        LAST_RESULT_STILL,
        args![held.conversation_id, last, result.id],
    )
    .await?;

    let body = EventBody::Tool {
        call_id: entry.call_id,
        message_id: entry.message_id,
        name: entry.tool_name.clone(),
        state: outcome.state,
    };
    let (conversation, run) = (Some(held.conversation_id), Some(entry.run_id));
    tx.emit(held.user_id, conversation, run, body, now);
    messages::conversation_changed(tx, held, now);
    Ok(())
}

/// The next turn's model reads the new text; the old one stays readable.
async fn supersede(
    tx: &mut Tx,
    held: &Held,
    message: &mut Message,
    result: &Json,
    now: Timestamp,
) -> StoreResult<()> {
    messages::supersede(tx, held.user_id, message, &message.content, now).await?;
    message.revision += 1;
    message.content = ledger::as_text(result);
    let data = message.additional_data.take();
    message.additional_data = messages::with(data, "result", result.clone());
    messages::write(tx, message).await
}

#[async_trait]
impl CallStore for SqlStore {
    async fn unknown_calls(&self, user_id: UserId, limit: i64) -> StoreResult<Vec<Call>> {
        read!(self, unknown, user_id, limit)
    }

    async fn call(&self, user_id: UserId, id: CallId) -> StoreResult<Call> {
        read!(self, get, user_id, id)
    }

    async fn decide_call(
        &self,
        user_id: UserId,
        id: CallId,
        decision: CallDecision,
        retry: NewRetry,
        now: Timestamp,
    ) -> StoreResult<Call> {
        tx!(self, decide, user_id, id, decision, retry, now)
    }
}
