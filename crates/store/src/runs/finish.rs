//! The end of a run: answer, open calls, run and feed in one transaction.

use domain::step::ToolOutcome;
use domain::store::Finish;
use domain::{
    CallId, CallState, Decision, Fence, MessageStatus, Run, StoreError, StoreResult, Timestamp,
    ToolClass,
};
use serde_json::json;

use super::ledger::{self, Entry};
use super::{queue, row, step};
use crate::approvals;
use crate::conversations::Held;
use crate::messages::{self, NewMessage, said_message};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::args;

statements! {
    /// Whoever drove the run finds no running row any more.
    END_RUN {
        "UPDATE runs SET state = $2, prompt_tokens = $3, completion_tokens = $4, error = $5, \
         finished_at = $6, step = $7, node_id = NULL, lease_until = NULL WHERE run_id = $1"
    }
}

pub(crate) async fn finish(tx: &mut Tx, fence: Fence, finish: Finish) -> StoreResult<()> {
    let (mut held, mut run) = row::fenced(tx, fence).await?;
    end(tx, &mut held, &mut run, finish).await
}

/// Ends a run whose row the transaction holds.
pub(crate) async fn end(
    tx: &mut Tx,
    held: &mut Held,
    run: &mut Run,
    finish: Finish,
) -> StoreResult<()> {
    if !finish.state.is_terminal() {
        return Err(StoreError::internal("an end that is none"));
    }
    let now = finish.now;
    settle_open_calls(tx, held, run, now).await?;
    end_answer(tx, held, run, &finish).await?;
    run.state = finish.state;
    run.usage = finish.usage;
    run.error = finish.error;
    run.finished_at = Some(now);
    let error = run.error.as_ref().map(|error| json!(error));
    let usage = run.usage;
    let args = args![
        run.run_id,
        run.state.as_str(),
        usage.prompt_tokens,
        usage.completion_tokens,
        error,
        now,
        run.step,
    ];
    tx.run(END_RUN, args).await?;
    row::said(tx, run, now);
    queue::place_next(tx, held, now).await?;
    messages::conversation_changed(tx, held, now);
    Ok(())
}

/// A history never holds a call without a result.
async fn settle_open_calls(
    tx: &mut Tx,
    held: &mut Held,
    run: &mut Run,
    now: Timestamp,
) -> StoreResult<()> {
    let open = ledger::open(tx, run.run_id).await?;
    if open.is_empty() {
        return Ok(());
    }
    let approvals = approvals::of_run(tx, run.run_id).await?;
    let refused: Vec<CallId> = approvals
        .iter()
        .filter(|approval| approval.decision != Some(Decision::Approve))
        .map(|approval| approval.call_id)
        .collect();
    for found in open {
        let outcome = synthetic(&found, refused.contains(&found.entry.call_id));
        ledger::settle(tx, held, run, &found.entry, &outcome, now).await?;
    }
    Ok(())
}

fn synthetic(found: &Entry, refused: bool) -> ToolOutcome {
    let leaves_traces = matches!(found.entry.class, ToolClass::Effectful | ToolClass::Keyed);
    let (state, detail) = if refused {
        (CallState::Denied, "The call was not approved.")
    } else if leaves_traces && found.left_at.is_some() {
        (
            CallState::Unknown,
            "The run ended while the call was under way: it may have happened.",
        )
    } else {
        (CallState::Failed, "The run ended before the call was made.")
    };
    ToolOutcome::without_result(state, detail)
}

async fn end_answer(
    tx: &mut Tx,
    held: &mut Held,
    run: &mut Run,
    finish: &Finish,
) -> StoreResult<()> {
    let mut answer = messages::bare(tx, run.user_id, run.ai_message_id).await?;
    if !answer.status.is_open() {
        // Between two model calls: the end needs a message to be seen on.
        let head = held.head;
        let new = NewMessage::answer(run.run_id, MessageStatus::Queued);
        let id = messages::append(tx, held, head, new, finish.now).await?;
        row::set_answer(tx, run, id).await?;
        answer = messages::bare(tx, run.user_id, id).await?;
    }
    let mut data = answer.additional_data.take();
    let mut reasoning = finish.reasoning.clone();
    if messages::is_written(&answer) {
        if answer.status == MessageStatus::Streaming {
            // Its model call has no record of its own: nothing could be taken up from it.
            run.step += 1;
            step::count(tx, run).await?;
        }
        let stored = match (&finish.text, &finish.reasoning) {
            (Some(_), Some(_)) => messages::Said::default(),
            _ => messages::said(tx, run.user_id, &answer).await?,
        };
        answer.content = finish.text.clone().unwrap_or(stored.text);
        reasoning = Some(reasoning.unwrap_or(stored.reasoning));
    }
    if let Some(reasoning) = reasoning.filter(|reasoning| !reasoning.is_empty()) {
        data = messages::with(data, "reasoning", json!(reasoning));
    }
    if let Some(error) = &finish.error {
        data = messages::with(data, "error", json!(error));
    }
    answer.additional_data = messages::merged(data, &finish.additional_data);
    answer.status = finish.message_status;
    messages::write(tx, &answer).await?;
    said_message(tx, held, Some(run.run_id), answer.id, finish.now);
    Ok(())
}
