//! Recorded steps.

use domain::store::ModelStep;
use domain::{
    Approval, Fence, LedgerEntry, MessageStatus, Run, Step, StepKind, StoreError, StoreResult,
    Timestamp, ToolCall,
};
use serde_json::json;

use super::intent::{self, Intent};
use super::{ledger, row};
use crate::messages::{self, said_message};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::args;
use crate::{approvals, permissions};

statements! {
    INSERT_STEP {
        "INSERT INTO steps (run_id, step_index, user_id, body, created_at) \
         VALUES ($1, $2, $3, $4, $5)"
    }
    /// A recorded step is progress: attempts start again.
    COUNT_STEP { "UPDATE runs SET step = $2, attempts = 0 WHERE run_id = $1" }
    ADD_USAGE {
        "UPDATE runs SET prompt_tokens = prompt_tokens + $2, \
         completion_tokens = completion_tokens + $3 WHERE run_id = $1"
    }
    COUNT_IN_CONVERSATION {
        "UPDATE conversation_states SET step_count = step_count + 1 WHERE conversation_id = $1"
    }
    STEPS { "SELECT step_index, body FROM steps WHERE run_id = $1 ORDER BY step_index" }
}

pub(crate) async fn all(tx: &mut Tx, run: &Run) -> StoreResult<Vec<Step>> {
    tx.all(STEPS, args![run.run_id])
        .await?
        .iter()
        .map(|row| {
            let body = row.json("body")?.unwrap_or_default();
            let kind = serde_json::from_value(body).map_err(StoreError::internal)?;
            Ok(Step {
                index: row.get("step_index")?,
                kind,
            })
        })
        .collect()
}

/// Writes a step behind the others and counts it.
pub(crate) async fn record(
    tx: &mut Tx,
    run: &mut Run,
    kind: &StepKind,
    now: Timestamp,
) -> StoreResult<()> {
    run.step += 1;
    run.attempts = 0;
    let body = serde_json::to_value(kind).map_err(StoreError::internal)?;
    tx.run(
        INSERT_STEP,
        args![run.run_id, run.step, run.user_id, body, now],
    )
    .await?;
    tx.run(COUNT_STEP, args![run.run_id, run.step]).await?;
    count(tx, run).await
}

/// One more model or tool call of the conversation's agent.
pub(crate) async fn count(tx: &mut Tx, run: &Run) -> StoreResult<()> {
    tx.run(COUNT_IN_CONVERSATION, args![run.conversation_id])
        .await
        .map(|_| ())
}

/// The step that recorded this answer before, if any: the call is being repeated.
async fn recorded(tx: &mut Tx, run: &Run, wanted: &ModelStep) -> StoreResult<Option<i64>> {
    let steps = all(tx, run).await?;
    Ok(steps.into_iter().find_map(|step| match step.kind {
        StepKind::ModelCall { message_id, .. } if message_id == wanted.message_id => {
            Some(step.index)
        }
        _ => None,
    }))
}

pub(crate) async fn record_model_step(
    tx: &mut Tx,
    fence: Fence,
    wanted: ModelStep,
) -> StoreResult<Vec<LedgerEntry>> {
    let (mut held, mut run) = row::fenced(tx, fence).await?;
    let now = wanted.now;
    let mut answer = messages::bare(tx, run.user_id, wanted.message_id).await?;
    if answer.run_id != Some(run.run_id) {
        return Err(StoreError::NotFound);
    }
    if !messages::is_written(&answer) {
        let index = recorded(tx, &run, &wanted)
            .await?
            .ok_or(StoreError::NotFound)?;
        return ledger::of_step(tx, run.run_id, index).await;
    }
    let tool_calls: Vec<ToolCall> = wanted.calls.iter().map(|plan| plan.call.clone()).collect();
    let kind = StepKind::ModelCall {
        message_id: answer.id,
        text: wanted.text.clone(),
        tool_calls,
        finish: wanted.finish,
        usage: wanted.usage,
    };
    record(tx, &mut run, &kind, now).await?;
    let usage = wanted.usage;
    tx.run(
        ADD_USAGE,
        args![run.run_id, usage.prompt_tokens, usage.completion_tokens],
    )
    .await?;

    answer.content = wanted.text;
    answer.status = MessageStatus::Complete;
    answer.additional_data =
        messages::merged(answer.additional_data.take(), &wanted.additional_data);
    if !wanted.reasoning.is_empty() {
        let reasoning = json!(wanted.reasoning);
        answer.additional_data =
            messages::with(answer.additional_data.take(), "reasoning", reasoning);
    }
    messages::write(tx, &answer).await?;
    said_message(tx, &held, Some(run.run_id), answer.id, now);

    let mut entries = Vec::with_capacity(wanted.calls.len());
    let refused: Vec<_> = wanted
        .calls
        .iter()
        .map(|plan| plan.refused.clone())
        .collect();
    for (position, plan) in (0..).zip(wanted.calls) {
        let call = plan.call;
        // Looked up here, under the conversation's lock: what was revoked before counts.
        let permitted = plan.approval.is_some()
            && permissions::has(tx, run.conversation_id, &call.name).await?;
        let intent = Intent {
            call_id: call.call_id,
            tool_name: call.name,
            class: plan.class,
            arguments: call.arguments,
            step: run.step,
            position,
            retry_of: None,
            permitted,
        };
        let entry = intent::record(tx, &mut held, &run, intent, now).await?;
        if let Some((approval_id, arguments_hash)) = plan.approval.filter(|_| !permitted) {
            let approval = Approval {
                approval_id,
                user_id: run.user_id,
                conversation_id: run.conversation_id,
                run_id: run.run_id,
                call_id: entry.call_id,
                tool_name: entry.tool_name.clone(),
                arguments: entry.arguments.clone(),
                arguments_hash,
                decision: None,
                scope: None,
                created_at: now,
                decided_at: None,
            };
            approvals::insert(tx, &approval).await?;
        }
        entries.push(entry);
    }
    // Behind all calls, as the outcomes of those that are made.
    for (entry, outcome) in entries.iter_mut().zip(refused) {
        let Some(outcome) = outcome else { continue };
        ledger::settle(tx, &mut held, &mut run, entry, &outcome, now).await?;
        entry.state = outcome.state;
        entry.result = Some(outcome.result);
    }
    Ok(entries)
}
