//! The row of a run, and the fence in front of every write to it.

use domain::sabotage::{Mechanism, sabotaged};
use domain::{
    ConversationId, EventBody, Fence, MessageId, NodeId, Run, RunId, RunState, StoreError,
    StoreResult, Timestamp, Usage, UserId,
};

use crate::conversations::{self, Held};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Row, args};

macro_rules! run_columns {
    () => {
        "run_id, user_id, conversation_id, user_message_id, ai_message_id, state, waiting, fence, \
         node_id, attempts, step, model, agent_id, time_zone, cancel_requested, prompt_tokens, \
         completion_tokens, error, created_at, started_at, finished_at"
    };
}
pub(crate) use run_columns;

statements! {
    RUN { "SELECT " run_columns!() " FROM runs WHERE run_id = $1 AND user_id = $2" }
    LOCK_RUN { "SELECT " run_columns!() " FROM runs WHERE run_id = $1 AND user_id = $2" lock }
    /// For sabotage only.
    PRESENT_FENCE { "SELECT fence FROM runs WHERE run_id = $1" }
    RUN_BY_FENCE {
        "SELECT " run_columns!() " FROM runs WHERE run_id = $1 AND fence = $2 AND state = 'running'"
    }
    LOCK_RUN_BY_FENCE {
        "SELECT " run_columns!() " FROM runs \
         WHERE run_id = $1 AND fence = $2 AND state = 'running'" lock
    }
    SET_ANSWER { "UPDATE runs SET ai_message_id = $2 WHERE run_id = $1" }
    SET_MODEL { "UPDATE runs SET model = $2 WHERE run_id = $1" }
}

pub(crate) fn run(row: &Row) -> StoreResult<Run> {
    let error = row.json("error")?;
    Ok(Run {
        run_id: RunId(row.get("run_id")?),
        user_id: UserId(row.get("user_id")?),
        conversation_id: ConversationId(row.get("conversation_id")?),
        user_message_id: MessageId(row.get("user_message_id")?),
        ai_message_id: MessageId(row.get("ai_message_id")?),
        state: row.word("state", RunState::parse)?,
        waiting: row.get("waiting")?,
        fence: row.get("fence")?,
        node_id: row.get::<Option<uuid::Uuid>>("node_id")?.map(NodeId),
        attempts: row.get("attempts")?,
        step: row.get("step")?,
        model: row.get("model")?,
        agent_id: row.get("agent_id")?,
        time_zone: row.get("time_zone")?,
        cancel_requested: row.get("cancel_requested")?,
        usage: Usage {
            prompt_tokens: row.get("prompt_tokens")?,
            completion_tokens: row.get("completion_tokens")?,
        },
        error: error
            .map(serde_json::from_value)
            .transpose()
            .map_err(StoreError::internal)?,
        created_at: row.time("created_at")?,
        started_at: row.maybe_time("started_at")?,
        finished_at: row.maybe_time("finished_at")?,
    })
}

pub(crate) async fn get(tx: &mut Tx, user_id: UserId, run_id: RunId) -> StoreResult<Run> {
    run(&tx.one(RUN, args![run_id, user_id]).await?)
}

/// The run with this fence, without a lock: for reads.
pub(crate) async fn peek(tx: &mut Tx, fence: Fence) -> StoreResult<Run> {
    let mut demanded = fence.fence;
    if sabotaged(Mechanism::Fence)
        && let Some(row) = tx.maybe(PRESENT_FENCE, args![fence.run_id]).await?
    {
        demanded = row.get("fence")?;
    }
    let row = tx
        .maybe(RUN_BY_FENCE, args![fence.run_id, demanded])
        .await?;
    run(&row.ok_or(StoreError::FenceLost)?)
}

/// Locks conversation and run, in this order, and checks the fence under the lock.
pub(crate) async fn fenced(tx: &mut Tx, fence: Fence) -> StoreResult<(Held, Run)> {
    let seen = peek(tx, fence).await?;
    let held = conversations::hold(tx, seen.user_id, seen.conversation_id)
        .await
        .map_err(|error| match error {
            StoreError::NotFound => StoreError::FenceLost,
            other => other,
        })?;
    if !tx.is_postgres() {
        return Ok((held, seen));
    }
    let row = tx
        .maybe(LOCK_RUN_BY_FENCE, args![seen.run_id, seen.fence])
        .await?;
    Ok((held, run(&row.ok_or(StoreError::FenceLost)?)?))
}

/// Locks the conversation and the run of a user's request.
pub(crate) async fn held(tx: &mut Tx, user_id: UserId, run_id: RunId) -> StoreResult<(Held, Run)> {
    let seen = get(tx, user_id, run_id).await?;
    let held = conversations::hold(tx, user_id, seen.conversation_id).await?;
    let row = tx.one(LOCK_RUN, args![run_id, user_id]).await?;
    Ok((held, run(&row)?))
}

pub(crate) async fn set_answer(tx: &mut Tx, run: &mut Run, id: MessageId) -> StoreResult<()> {
    run.ai_message_id = id;
    tx.run(SET_ANSWER, args![run.run_id, id]).await.map(|_| ())
}

pub(crate) async fn set_model(tx: &mut Tx, run: &mut Run, model: String) -> StoreResult<()> {
    tx.run(SET_MODEL, args![run.run_id, &model]).await?;
    run.model = Some(model);
    Ok(())
}

/// Says on the feed how the run is.
pub(crate) fn said(tx: &mut Tx, run: &Run, now: Timestamp) {
    let body = EventBody::Run {
        run_id: run.run_id,
        state: run.state,
        step: run.step,
        message_id: Some(run.ai_message_id),
        usage: run.state.is_terminal().then_some(run.usage),
        error: run.error.clone(),
    };
    tx.emit(
        run.user_id,
        Some(run.conversation_id),
        Some(run.run_id),
        body,
        now,
    );
}
