//! Deltas of many runs in one statement.

use std::collections::HashMap;

use domain::sabotage::{Mechanism, sabotaged};
use domain::{Delta, EventBody, Fence, RunId, StoreError, StoreResult, Timestamp};
use serde_json::{Value as Json, json};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::feed;
use crate::sql::statements;
use crate::tx::{Events, Tx};
use crate::value::args;

statements! {
    /// The runs of a batch whose fence still holds, locked in the order of their ids.
    HELD_FENCES {
        "SELECT r.run_id, r.user_id, r.conversation_id, r.fence FROM runs r WHERE r.run_id IN "
        either(
            "(SELECT unhex(value) FROM json_each($1))",
            "(SELECT CAST(value AS UUID) FROM jsonb_array_elements_text($1::JSONB))"
        )
        " AND r.state = 'running' ORDER BY r.run_id" lock
    }
}

/// Deltas of one run, and the driver that waits for their commit.
pub(crate) struct DeltaJob {
    pub(crate) fence: Fence,
    pub(crate) deltas: Vec<Delta>,
    pub(crate) now: Timestamp,
    pub(crate) reply: oneshot::Sender<StoreResult<()>>,
}

impl DeltaJob {
    pub(crate) fn finish(self, outcome: StoreResult<()>) {
        let _ = self.reply.send(outcome);
    }
}

/// Stores a batch; a run whose fence is lost is left out, the others go on.
pub(crate) async fn store(
    tx: &mut Tx,
    jobs: &[DeltaJob],
    events: &mut Events,
) -> StoreResult<Vec<StoreResult<()>>> {
    let ids: Json = jobs
        .iter()
        .map(|job| json!(job.fence.run_id.0.simple().to_string()))
        .collect();
    let mut held = HashMap::new();
    for row in tx.all(HELD_FENCES, args![ids]).await? {
        let run_id = RunId(row.get("run_id")?);
        let fence: i64 = row.get("fence")?;
        let user_id = domain::UserId(row.get("user_id")?);
        let conversation_id = domain::ConversationId(row.get::<Uuid>("conversation_id")?);
        held.insert(run_id, (fence, user_id, conversation_id));
    }
    let mut outcomes = Vec::with_capacity(jobs.len());
    for job in jobs {
        let mine = held
            .get(&job.fence.run_id)
            .filter(|(fence, _, _)| *fence == job.fence.fence || sabotaged(Mechanism::Fence));
        let Some((_, user_id, conversation_id)) = mine else {
            outcomes.push(Err(StoreError::FenceLost));
            continue;
        };
        for delta in &job.deltas {
            let body = EventBody::Delta(delta.clone());
            tx.emit(
                *user_id,
                Some(*conversation_id),
                Some(job.fence.run_id),
                body,
                job.now,
            );
        }
        outcomes.push(Ok(()));
    }
    events.extend(feed::flush(tx).await?);
    Ok(outcomes)
}
