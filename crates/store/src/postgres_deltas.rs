//! The journal of Postgres, for deltas only: many runs' deltas share a commit.

use domain::limits::{JOURNAL_BATCH, JOURNAL_QUEUE};
use domain::{Delta, Fence, StoreError, StoreResult, Timestamp};
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};

use crate::db::{Shared, postgres};
use crate::runs::deltas::{self, DeltaJob};

#[derive(Clone)]
pub(crate) struct DeltaTask {
    queue: mpsc::Sender<DeltaJob>,
}

impl DeltaTask {
    pub(crate) fn start(pool: PgPool, shared: Shared) -> Self {
        let (queue, waiting) = mpsc::channel(JOURNAL_QUEUE);
        let tracker = shared.tracker.clone();
        tracker.spawn(work(pool, shared, waiting));
        Self { queue }
    }

    pub(crate) async fn append(
        &self,
        fence: Fence,
        deltas: Vec<Delta>,
        now: Timestamp,
    ) -> StoreResult<()> {
        let (reply, answer) = oneshot::channel();
        let job = DeltaJob {
            fence,
            deltas,
            now,
            reply,
        };
        let closed = || StoreError::NotWritable("the store is closed".to_owned());
        self.queue.send(job).await.map_err(|_| closed())?;
        answer
            .await
            .map_err(|_| StoreError::Unknown("the journal has ended".to_owned()))?
    }
}

async fn work(pool: PgPool, shared: Shared, mut waiting: mpsc::Receiver<DeltaJob>) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, JOURNAL_BATCH).await > 0 {
        let jobs = std::sync::Arc::new(std::mem::take(&mut batch));
        let mut attempts = 0;
        let (outcome, says) = loop {
            attempts += 1;
            let (outcome, says) = postgres(&pool, |tx| {
                let jobs = jobs.clone();
                Box::pin(async move {
                    let mut events = Vec::new();
                    let outcomes = deltas::store(tx, &jobs, &mut events).await?;
                    Ok((outcomes, events))
                })
            })
            .await;
            if outcome.is_err() && says.retry && attempts < 4 {
                continue;
            }
            break (outcome, says);
        };
        let jobs = std::sync::Arc::try_unwrap(jobs).unwrap_or_default();
        match outcome {
            Ok(((outcomes, events), _)) => {
                if !events.is_empty() {
                    shared.bus.publish(&events);
                }
                for (job, outcome) in jobs.into_iter().zip(outcomes) {
                    job.finish(outcome);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "deltas could not be stored");
                shared.health.told(&error, says);
                jobs.into_iter()
                    .for_each(|job| job.finish(Err(error.clone())));
            }
        }
    }
}
