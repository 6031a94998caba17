//! The journal of SQLite: one writer, group commit.
//!
//! What is waiting is committed together, each member in a savepoint, so that its error is its own.
//! Callers hear after the commit, readers of feeds after that.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use domain::limits::{JOURNAL_BATCH, JOURNAL_QUEUE};
use domain::sabotage::{self, Mechanism, sabotaged};
use domain::store::{Health, Sent};
use domain::{Bus, Delta, Fence, Signal, StoreError, StoreResult, Timestamp};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, sleep};
use tokio_util::task::TaskTracker;

use crate::db::HealthCell;
use crate::error;
use crate::feed;
use crate::runs::deltas::{self, DeltaJob};
use crate::tx::{Conn, Events, Tx};

pub(crate) mod checkpoint;

/// How often another process's commits are looked for, and deleted bytes scrubbed from the WAL.
const IDLE_EVERY: Duration = Duration::from_millis(500);

/// A write, its arguments and whoever waits for it.
pub(crate) trait Job: Send {
    fn run<'c>(&'c mut self, tx: &'c mut Tx) -> BoxFuture<'c, StoreResult<()>>;
    /// After the commit, or with the reason why there is none.
    fn finish(self: Box<Self>, committed: StoreResult<()>);
}

struct Write<A, T, F> {
    args: Option<A>,
    body: F,
    answer: Option<T>,
    /// `None` only for whoever was told too early.
    reply: Option<oneshot::Sender<StoreResult<T>>>,
}

impl<A, T, F> Job for Write<A, T, F>
where
    A: Send,
    T: Send + 'static,
    F: for<'c> Fn(&'c mut Tx, A) -> BoxFuture<'c, StoreResult<T>> + Send,
{
    fn run<'c>(&'c mut self, tx: &'c mut Tx) -> BoxFuture<'c, StoreResult<()>> {
        async move {
            let args = self
                .args
                .take()
                .ok_or_else(|| StoreError::internal("a job ran twice"))?;
            // An answer type without the connection's lifetime keeps the borrow short.
            let answer = (self.body)(tx, args).await?;
            // Messages only: a login that can't be read yet would fail for another reason.
            let message = (&answer as &dyn Any).is::<Sent>();
            if sabotaged(Mechanism::AckAfterCommit) && message {
                if let Some(reply) = self.reply.take() {
                    let _ = reply.send(Ok(answer));
                }
                sleep(sabotage::LATE).await;
                return Ok(());
            }
            self.answer = Some(answer);
            Ok(())
        }
        .boxed()
    }

    fn finish(self: Box<Self>, committed: StoreResult<()>) {
        let Some(reply) = self.reply else {
            return;
        };
        let answer = match (committed, self.answer) {
            (Ok(()), Some(answer)) => Ok(answer),
            (Ok(()), None) => Err(StoreError::internal("a job without an answer")),
            (Err(error), _) => Err(error),
        };
        // The caller may have gone; the write stays.
        let _ = reply.send(answer);
    }
}

pub(crate) enum Message {
    Write(Box<dyn Job>),
    Deltas(DeltaJob),
    /// Truncates the WAL; answers whether it could.
    Checkpoint(oneshot::Sender<bool>),
    Close(oneshot::Sender<StoreResult<()>>),
}

#[derive(Clone)]
pub(crate) struct Journal {
    queue: mpsc::Sender<Message>,
}

fn closed() -> StoreError {
    StoreError::NotWritable("the store is closed".to_owned())
}

impl Journal {
    pub(crate) fn start(
        writer: SqliteConnection,
        bus: Arc<dyn Bus>,
        health: HealthCell,
        tracker: &TaskTracker,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(JOURNAL_QUEUE);
        let task = Task {
            tx: Tx::new(Conn::Writer(Box::new(writer))),
            waiting,
            bus,
            health,
            synchronous: None,
            data_version: None,
            scrub: false,
            unlooked: 0,
            complained: false,
        };
        tracker.spawn(task.work());
        Self { queue }
    }

    pub(crate) async fn write<A, T, F>(&self, args: A, body: F) -> StoreResult<T>
    where
        A: Send + 'static,
        T: Send + 'static,
        F: for<'c> Fn(&'c mut Tx, A) -> BoxFuture<'c, StoreResult<T>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Write {
            args: Some(args),
            body,
            answer: None,
            reply: Some(reply),
        };
        self.queue
            .send(Message::Write(Box::new(job)))
            .await
            .map_err(|_| closed())?;
        answer
            .await
            .map_err(|_| StoreError::Unknown("the journal has ended".to_owned()))?
    }

    pub(crate) async fn deltas(
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
        self.queue
            .send(Message::Deltas(job))
            .await
            .map_err(|_| closed())?;
        answer
            .await
            .map_err(|_| StoreError::Unknown("the journal has ended".to_owned()))?
    }

    pub(crate) async fn checkpoint(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        if self.queue.send(Message::Checkpoint(reply)).await.is_err() {
            return false;
        }
        answer.await.unwrap_or(false)
    }

    pub(crate) async fn close(&self) -> StoreResult<()> {
        let (reply, answer) = oneshot::channel();
        if self.queue.send(Message::Close(reply)).await.is_err() {
            return Ok(());
        }
        answer.await.unwrap_or(Ok(()))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Synchronous {
    Full,
    /// A power failure may take the last commits back, nothing else can.
    Normal,
}

struct Task {
    tx: Tx,
    waiting: mpsc::Receiver<Message>,
    bus: Arc<dyn Bus>,
    health: HealthCell,
    synchronous: Option<Synchronous>,
    data_version: Option<i64>,
    scrub: bool,
    /// Batches since the length of the log was looked at.
    unlooked: u32,
    /// It was said that the log can't be written back.
    complained: bool,
}

#[derive(Default)]
struct Batch {
    writes: Vec<Box<dyn Job>>,
    deltas: Vec<DeltaJob>,
}

impl Task {
    async fn work(mut self) {
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

    async fn plain(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
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
        let Batch { mut writes, deltas } = batch;
        if let Health::Broken(why) = self.health.get() {
            let error = StoreError::Unknown(why);
            writes
                .into_iter()
                .for_each(|job| job.finish(Err(error.clone())));
            deltas
                .into_iter()
                .for_each(|job| job.finish(Err(error.clone())));
            return;
        }
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
                writes
                    .into_iter()
                    .for_each(|job| job.finish(Err(error.clone())));
                deltas
                    .into_iter()
                    .for_each(|job| job.finish(Err(error.clone())));
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

#[cfg(test)]
mod tests;
