//! What the writer takes: a function of a transaction, and whoever waits for its answer.

use std::any::Any;

use domain::sabotage::{self, Mechanism, sabotaged};
use domain::store::Sent;
use domain::{StoreError, StoreResult};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::tx::Tx;

/// A write, its arguments and whoever waits for it.
pub(super) trait Job: Send {
    fn run<'c>(&'c mut self, tx: &'c mut Tx) -> BoxFuture<'c, StoreResult<()>>;
    /// After the commit, or with the reason why there is none.
    fn finish(self: Box<Self>, committed: StoreResult<()>);
}

pub(super) struct Write<A, T, F> {
    pub(super) args: Option<A>,
    pub(super) body: F,
    pub(super) answer: Option<T>,
    /// `None` only for whoever was told too early.
    pub(super) reply: Option<oneshot::Sender<StoreResult<T>>>,
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
