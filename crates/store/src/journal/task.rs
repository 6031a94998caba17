//! The one writer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use domain::limits::JOURNAL_BATCH;
use domain::sabotage::{self, Mechanism, sabotaged};
use domain::store::Health;
use domain::{Bus, Signal, StoreError, StoreResult};
use futures::FutureExt;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, sleep};

use super::Message;
use super::job::Job;
use crate::db::HealthCell;
use crate::error;
use crate::feed;
use crate::runs::deltas::{self, DeltaJob};
use crate::tx::{Conn, Events, Tx};

/// How often another process's commits are looked for, and deleted bytes scrubbed from the WAL.
const IDLE_EVERY: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Synchronous {
    Full,
    /// A power failure may take the last commits back, nothing else can.
    Normal,
}

pub(super) struct Task {
    pub(super) tx: Tx,
    waiting: mpsc::Receiver<Message>,
    bus: Arc<dyn Bus>,
    pub(super) health: HealthCell,
    synchronous: Option<Synchronous>,
    data_version: Option<i64>,
    scrub: bool,
    /// Batches since the length of the log was looked at.
    pub(super) unlooked: u32,
    /// It was said that the log can't be written back.
    pub(super) complained: bool,
}

#[derive(Default)]
struct Batch {
    writes: Vec<Box<dyn Job>>,
    deltas: Vec<DeltaJob>,
}

impl Batch {
    /// Nothing was committed: everybody who waits is told so.
    fn refuse(self, error: &StoreError) {
        for job in self.writes {
            job.finish(Err(error.clone()));
        }
        for job in self.deltas {
            job.finish(Err(error.clone()));
        }
    }
}

impl Task {
    pub(super) fn new(
        writer: SqliteConnection,
        waiting: mpsc::Receiver<Message>,
        bus: Arc<dyn Bus>,
        health: HealthCell,
    ) -> Self {
        Self {
            tx: Tx::new(Conn::Writer(Box::new(writer))),
            waiting,
            bus,
            health,
            synchronous: None,
            data_version: None,
            scrub: false,
            unlooked: 0,
            complained: false,
        }
    }

    pub(super) async fn work(mut self) {
        let mut idle = tokio::time::interval_at(Instant::now() + IDLE_EVERY, IDLE_EVERY);
        idle.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.look_for_others().await;
        let mut messages = Vec::new();
        loop {
            tokio::select! {
                taken = self.waiting.recv_many(&mut messages, JOURNAL_BATCH) => {
                    if taken == 0 {
                        break;
                    }
                }
                _ = idle.tick() => {
                    self.look_for_others().await;
                    if self.scrub {
                        self.scrub = !self.truncate_wal().await;
                    }
                    continue;
                }
            }
            let mut batch = Batch::default();
            let mut checkpoints = Vec::new();
            let mut close = None;
            for message in messages.drain(..) {
                match message {
                    Message::Write(job) => batch.writes.push(job),
                    Message::Deltas(job) => batch.deltas.push(job),
                    Message::Checkpoint(reply) => checkpoints.push(reply),
                    Message::Close(reply) => close = Some(reply),
                }
            }
            self.commit(batch).await;
            self.write_back_some().await;
            if !checkpoints.is_empty() {
                let done = self.truncate_wal().await;
                self.scrub &= !done;
                for reply in checkpoints {
                    let _ = reply.send(done);
                }
            }
            if let Some(reply) = close {
                // Callers that come later are told; those already in the queue are still served.
                self.waiting.close();
                let mut rest = Batch::default();
                while let Some(message) = self.waiting.recv().await {
                    match message {
                        Message::Write(job) => rest.writes.push(job),
                        Message::Deltas(job) => rest.deltas.push(job),
                        Message::Checkpoint(reply) => {
                            let _ = reply.send(false);
                        }
                        Message::Close(reply) => {
                            let _ = reply.send(Ok(()));
                        }
                    }
                }
                self.commit(rest).await;
                self.optimize().await;
                self.truncate_wal().await;
                let result = match (self.health.get(), self.tx.conn) {
                    // Not closed, which would try once more and call that success.
                    (Health::Broken(why), conn) => {
                        std::mem::forget(conn);
                        Err(StoreError::Unknown(why))
                    }
                    (_, Conn::Writer(conn)) => {
                        conn.close().await.map_err(|e| error::from_sqlite(&e))
                    }
                    _ => Ok(()),
                };
                let _ = reply.send(result);
                return;
            }
        }
    }

    pub(super) async fn plain(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        match &mut self.tx.conn {
            Conn::Writer(conn) => sqlx::query(sql).execute(&mut **conn).await.map(|_| ()),
            _ => Ok(()),
        }
    }

    async fn number(&mut self, sql: &'static str) -> Result<i64, sqlx::Error> {
        match &mut self.tx.conn {
            Conn::Writer(conn) => sqlx::query_scalar(sql).fetch_one(&mut **conn).await,
            _ => Ok(0),
        }
    }

    async fn commit(&mut self, batch: Batch) {
        if batch.writes.is_empty() && batch.deltas.is_empty() {
            return;
        }
        if let Health::Broken(why) = self.health.get() {
            return batch.refuse(&StoreError::Unknown(why));
        }
        let Batch { mut writes, deltas } = batch;
        match self.attempt(&mut writes, &deltas).await {
            Ok((outcomes, delta_outcomes, events)) => {
                self.health.writable();
                if !events.is_empty() {
                    self.bus.publish(&events);
                }
                for (job, outcome) in writes.into_iter().zip(outcomes) {
                    job.finish(outcome);
                }
                for (job, outcome) in deltas.into_iter().zip(delta_outcomes) {
                    job.finish(outcome);
                }
            }
            Err(error) => {
                tracing::error!(%error, "a group commit failed");
                self.health.failed(&error);
                Batch { writes, deltas }.refuse(&error);
            }
        }
    }

    /// One transaction. An error is everybody's; otherwise each member has its own outcome.
    async fn attempt(
        &mut self,
        writes: &mut [Box<dyn Job>],
        deltas: &[DeltaJob],
    ) -> StoreResult<(Vec<StoreResult<()>>, Vec<StoreResult<()>>, Events)> {
        // Ignored by SQLite inside a transaction, hence before BEGIN.
        let wanted = if writes.is_empty() {
            Synchronous::Normal
        } else {
            Synchronous::Full
        };
        if self.synchronous != Some(wanted) {
            let pragma = match wanted {
                Synchronous::Full => "PRAGMA synchronous = FULL",
                Synchronous::Normal => "PRAGMA synchronous = NORMAL",
            };
            self.plain(pragma)
                .await
                .map_err(|e| error::from_sqlite(&e))?;
            self.synchronous = Some(wanted);
        }
        self.plain("BEGIN IMMEDIATE")
            .await
            .map_err(|e| error::from_sqlite(&e))?;
        let done = self.members(writes, deltas).await;
        // Text only: other frames are rendered from rows that nobody could read yet.
        if sabotaged(Mechanism::PersistBeforeSay)
            && writes.is_empty()
            && let Ok((_, _, events)) = &done
        {
            self.bus.publish(events);
            sleep(sabotage::LATE).await;
        }
        match done {
            Ok(done) => match self.plain("COMMIT").await {
                Ok(()) => Ok(done),
                Err(e) => {
                    let error = error::from_sqlite_commit(&e);
                    self.roll_back().await;
                    Err(error)
                }
            },
            Err(error) => {
                self.roll_back().await;
                Err(error)
            }
        }
    }

    async fn roll_back(&mut self) {
        self.tx.pending.clear();
        // Some errors (a full disk) have already rolled back; then this one says so.
        if let Err(error) = self.plain("ROLLBACK").await {
            tracing::debug!(%error, "nothing to roll back");
        }
    }

    async fn members(
        &mut self,
        writes: &mut [Box<dyn Job>],
        deltas: &[DeltaJob],
    ) -> StoreResult<(Vec<StoreResult<()>>, Vec<StoreResult<()>>, Events)> {
        let mut events = Events::new();
        let mut outcomes = Vec::with_capacity(writes.len());
        for job in writes {
            let outcome = self.member(job.as_mut(), &mut events).await;
            if let Err(error @ (StoreError::NotWritable(_) | StoreError::Unknown(_))) = outcome {
                return Err(error);
            }
            outcomes.push(outcome);
        }
        let delta_outcomes = if deltas.is_empty() {
            Vec::new()
        } else {
            deltas::store(&mut self.tx, deltas, &mut events).await?
        };
        Ok((outcomes, delta_outcomes, events))
    }

    async fn member(&mut self, job: &mut dyn Job, events: &mut Events) -> StoreResult<()> {
        self.plain("SAVEPOINT member")
            .await
            .map_err(|e| error::from_sqlite(&e))?;
        let tx = &mut self.tx;
        let work = async {
            job.run(tx).await?;
            feed::flush(tx).await
        };
        // A defect in one body must not end the journal for everybody.
        let outcome = AssertUnwindSafe(work)
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(StoreError::internal("a write panicked")));
        match outcome {
            Ok(flushed) => {
                self.plain("RELEASE member")
                    .await
                    .map_err(|e| error::from_sqlite(&e))?;
                events.extend(flushed);
                self.scrub |= std::mem::take(&mut self.tx.scrub);
                Ok(())
            }
            Err(error) => {
                self.tx.pending.clear();
                self.tx.scrub = false;
                if !matches!(error, StoreError::NotWritable(_) | StoreError::Unknown(_)) {
                    self.plain("ROLLBACK TO member")
                        .await
                        .map_err(|e| error::from_sqlite_commit(&e))?;
                    self.plain("RELEASE member")
                        .await
                        .map_err(|e| error::from_sqlite(&e))?;
                }
                Err(error)
            }
        }
    }

    /// Another process's commit changes `data_version`; our own do not.
    async fn look_for_others(&mut self) {
        match self.number("PRAGMA data_version").await {
            Ok(version) => {
                if self
                    .data_version
                    .replace(version)
                    .is_some_and(|before| before != version)
                {
                    self.bus.signal(Signal::Recheck { user_id: None });
                }
            }
            Err(error) => tracing::warn!(%error, "data_version can't be read"),
        }
    }
}
