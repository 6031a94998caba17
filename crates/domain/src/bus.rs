//! Wake-ups and the memory tail of feeds. Everything here is a hint: losing it costs latency,
//! never an event.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{ConversationId, Event, RunId, SessionId, UserId};

/// What happened besides the log, for whoever holds a connection or drives a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// Sessions ended: sockets that belong to them close. `None` means all of the user's.
    SessionsEnded {
        user_id: UserId,
        session_id: Option<SessionId>,
        except: Option<SessionId>,
    },
    AccountDeleted {
        user_id: UserId,
    },
    /// Role changed, account disabled, or another process wrote to the database: look again.
    Recheck {
        user_id: Option<UserId>,
    },
    /// Somebody is typing on another device. Not stored.
    Typing {
        user_id: UserId,
        conversation_id: Option<ConversationId>,
        from: SessionId,
        state: String,
    },
    /// A run wants an owner.
    RunQueued,
    /// Stop was recorded.
    RunCancelled {
        run_id: RunId,
    },
    /// No new work; sockets are told.
    Draining,
}

/// Why a subscription woke.
#[derive(Debug, Clone, PartialEq)]
pub enum Wake {
    /// The feed has grown (or may have).
    Feed,
    Signal(Signal),
    /// Signals were missed: look at everything again.
    Lagged,
}

#[async_trait]
pub trait Subscription: Send {
    /// Waits for the next reason to look. Cancel-safe. Bounded memory: many feed wake-ups are one.
    async fn wake(&mut self) -> Wake;

    /// The same, deaf to the feed: for a connection that is busy writing, which reads on from the log
    /// when it is done. Feed wake-ups in between are not lost.
    async fn signal(&mut self) -> Wake {
        loop {
            match self.wake().await {
                Wake::Feed => {}
                other => return other,
            }
        }
    }
}

pub trait Bus: Send + Sync + 'static {
    /// Called by the store after the commit, with events of any users in commit order.
    /// The memory tail hands out only contiguous `seq`.
    fn publish(&self, events: &[Arc<Event>]);
    fn signal(&self, signal: Signal);
    /// Feed wake-ups of one user and all signals that concern them.
    fn subscribe(&self, user_id: UserId) -> Box<dyn Subscription>;
    /// All signals, no feeds: for the run scheduler and the lifecycle.
    fn signals(&self) -> Box<dyn Subscription>;
    /// Events after `seq`, oldest first, when memory holds all of them; `None` otherwise.
    /// An empty vector means: nothing after `seq` as far as this node knows.
    fn tail(&self, user_id: UserId, epoch: i64, seq: i64, limit: usize) -> Option<Vec<Arc<Event>>>;
}
