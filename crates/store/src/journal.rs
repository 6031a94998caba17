//! The journal of SQLite: one writer, group commit.
//!
//! What is waiting is committed together, each member in a savepoint, so that its error is its own.
//! Callers hear after the commit, readers of feeds after that.

use std::sync::Arc;

use domain::limits::JOURNAL_QUEUE;
use domain::{Bus, Delta, Fence, StoreError, StoreResult, Timestamp};
use futures::future::BoxFuture;
use job::{Job, Write};
use sqlx::SqliteConnection;
use task::Task;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use crate::db::HealthCell;
use crate::runs::deltas::DeltaJob;
use crate::tx::Tx;

pub(crate) mod checkpoint;
mod job;
mod task;

enum Message {
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
        let task = Task::new(writer, waiting, bus, health);
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

#[cfg(test)]
mod tests;
