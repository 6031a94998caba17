//! One reader of one feed: a cursor, never a buffer.
//!
//! It waits for a wake-up, reads on from its cursor (the memory tail first, then the log), and in
//! between asks whether the login it belongs to still lives.

use std::sync::Arc;
use std::time::Duration;

use domain::event::FeedPage;
use domain::{
    ConversationId, Cursor, Event, SessionId, Signal, StoreError, StoreResult, Subscription,
    UserId, Wake,
};
use futures::FutureExt;
use tokio::time::{Instant, sleep, sleep_until};

use crate::error::Problem;
use crate::limits::{FEED_PAGE, FEED_POLL, FEED_RETRIES, FIRST_PAGE, SESSION_CHECK};
use crate::state::AppState;

/// What a follower saw.
#[derive(Debug)]
pub(crate) enum Happening {
    /// In order and without holes that matter; never empty.
    Events(Vec<Arc<Event>>),
    /// What the reader knew is no longer a prefix of the feed: go on from here.
    Reset(Cursor),
    /// Somebody of this account is typing on another device.
    Typing {
        conversation_id: Option<ConversationId>,
        state: String,
    },
    Ended(Ending),
}

/// Why a connection must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    SessionEnded,
    AccountDeleted,
    Draining,
    /// The log can't be read, and has not been readable for a while.
    Unreadable,
}

impl Ending {
    pub(crate) fn problem(self) -> Problem {
        match self {
            Self::SessionEnded | Self::AccountDeleted => Problem::unauthenticated(),
            Self::Draining => Problem::draining(),
            Self::Unreadable => Problem::unreadable(),
        }
    }
}

pub(crate) struct Follower {
    state: AppState,
    user_id: UserId,
    session_id: SessionId,
    subscription: Box<dyn Subscription>,
    cursor: Cursor,
    /// There may be something after the cursor.
    dirty: bool,
    /// The memory tail may not know of it.
    from_log: bool,
    check_at: Instant,
    poll_at: Instant,
    /// Events to be read at a time.
    page: usize,
    failures: u32,
    ending: Option<Ending>,
}

impl Follower {
    /// Begins at the cursor, or at the present end of the feed. Subscribes first, so that nothing
    /// falls in between.
    pub(crate) async fn begin(
        state: &AppState,
        user_id: UserId,
        session_id: SessionId,
        cursor: Option<Cursor>,
    ) -> StoreResult<Self> {
        let subscription = state.bus.subscribe(user_id);
        let (cursor, dirty) = match cursor {
            Some(cursor) => (cursor, true),
            None => (state.store.feed_end(user_id).await?, false),
        };
        let now = Instant::now();
        Ok(Self {
            state: state.clone(),
            user_id,
            session_id,
            subscription,
            cursor,
            dirty,
            // A cursor from outside may be of another epoch or beyond the end: the log knows.
            from_log: dirty,
            check_at: now + SESSION_CHECK,
            poll_at: now + FEED_POLL,
            page: FIRST_PAGE,
            failures: 0,
            ending: None,
        })
    }

    /// Everything up to here has been handed out.
    pub(crate) fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Goes on from another position of the same feed.
    pub(crate) fn seek(&mut self, cursor: Cursor) {
        self.cursor = cursor;
        self.dirty = true;
    }

    /// As [`Follower::seek`], for a reader that took only so many events of what it was handed: gets
    /// no more of them next time.
    pub(crate) fn slow(&mut self, cursor: Cursor, took: usize) {
        self.seek(cursor);
        self.page = took.max(1);
    }

    /// Cancel-safe: what isn't answered isn't passed.
    pub(crate) async fn next(&mut self) -> Happening {
        loop {
            if let Some(happening) = self.pending().await {
                return happening;
            }
            if let Some(happening) = self.wait(true).await {
                return happening;
            }
        }
    }

    /// What is there without waiting for more; `None` when everything has been handed out.
    /// Cancel-safe.
    pub(crate) async fn pending(&mut self) -> Option<Happening> {
        loop {
            if let Some(ending) = self.ending {
                return Some(Happening::Ended(ending));
            }
            // While there is always more to read, nothing waits: a login must not outlive its end by
            // the length of a backlog.
            while let Some(wake) = self.subscription.wake().now_or_never() {
                if let Some(happening) = self.note(wake) {
                    return Some(happening);
                }
            }
            if self.ending.is_some() {
                continue;
            }
            if Instant::now() >= self.check_at {
                self.check().await;
                continue;
            }
            if !self.dirty {
                return None;
            }
            match self.read().await {
                Ok(Some(happening)) => return Some(happening),
                Ok(None) => {}
                Err(error) => self.failed(&error).await,
            }
        }
    }

    /// Waits until the connection must end, and for nothing else: for a connection that is busy
    /// writing. Cancel-safe.
    pub(crate) async fn ended(&mut self) -> Ending {
        loop {
            if let Some(ending) = self.ending {
                return ending;
            }
            // Somebody typing is news of the moment: not kept for a slow reader.
            let _ = self.wait(false).await;
        }
    }

    /// One wake-up or timer.
    async fn wait(&mut self, may_read: bool) -> Option<Happening> {
        let drain = self.state.config.drain.clone();
        let subscription = &mut self.subscription;
        let woken = async {
            if may_read {
                subscription.wake().await
            } else {
                // Its feed may grow as it likes: hundreds that take nothing must not be woken by
                // every token.
                subscription.signal().await
            }
        };
        tokio::select! {
            wake = woken => self.note(wake),
            () = sleep_until(self.check_at) => {
                self.check().await;
                None
            }
            () = sleep_until(self.poll_at), if may_read => {
                self.look_at_log();
                None
            }
            () = drain.cancelled() => {
                self.ending = Some(Ending::Draining);
                None
            }
        }
    }

    fn note(&mut self, wake: Wake) -> Option<Happening> {
        match wake {
            Wake::Feed => self.dirty = true,
            Wake::Lagged => {
                self.look_at_log();
                self.check_at = Instant::now();
            }
            Wake::Signal(signal) => return self.signal(signal),
        }
        None
    }

    fn signal(&mut self, signal: Signal) -> Option<Happening> {
        match signal {
            Signal::SessionsEnded {
                user_id,
                session_id,
                except,
            } if user_id == self.user_id => {
                let mine = session_id.is_none_or(|id| id == self.session_id);
                if mine && except != Some(self.session_id) {
                    self.ending = Some(Ending::SessionEnded);
                }
            }
            Signal::AccountDeleted { user_id } if user_id == self.user_id => {
                self.ending = Some(Ending::AccountDeleted);
            }
            Signal::Recheck { user_id } if user_id.is_none_or(|id| id == self.user_id) => {
                self.check_at = Instant::now();
                self.look_at_log();
            }
            Signal::Typing {
                user_id,
                conversation_id,
                from,
                state,
            } if user_id == self.user_id && from != self.session_id => {
                return Some(Happening::Typing {
                    conversation_id,
                    state,
                });
            }
            Signal::Draining => self.ending = Some(Ending::Draining),
            Signal::SessionsEnded { .. }
            | Signal::AccountDeleted { .. }
            | Signal::Recheck { .. }
            | Signal::Typing { .. }
            | Signal::RunQueued
            | Signal::RunCancelled { .. } => {}
        }
        None
    }

    fn look_at_log(&mut self) {
        self.dirty = true;
        self.from_log = true;
    }

    /// Whether the login lives. A store that can't say ends nothing.
    async fn check(&mut self) {
        let now = self.state.now();
        let live = self
            .state
            .store
            .live_session(self.user_id, self.session_id, now)
            .await;
        match live {
            Ok(Some(_)) => {}
            Ok(None) => self.ending = Some(self.gone().await),
            Err(error) => tracing::warn!(%error, "a session could not be checked"),
        }
        self.check_at = Instant::now() + SESSION_CHECK;
    }

    /// The login is gone; with its whole account, whose deletion has perhaps not been told of yet, or by
    /// another node.
    async fn gone(&mut self) -> Ending {
        match self.state.store.user(self.user_id).await {
            Err(StoreError::NotFound) => Ending::AccountDeleted,
            Ok(_) | Err(_) => Ending::SessionEnded,
        }
    }

    async fn read(&mut self) -> StoreResult<Option<Happening>> {
        let page = match self.tail() {
            Some(page) => page,
            None => {
                let limit = i64::try_from(self.page).unwrap_or(i64::MAX);
                self.state
                    .store
                    .feed_after(self.user_id, self.cursor, limit)
                    .await?
            }
        };
        self.failures = 0;
        self.page = (self.page * 2).min(FEED_PAGE);
        self.from_log = false;
        self.poll_at = Instant::now() + FEED_POLL;
        Ok(match page {
            FeedPage::Events { events, end, more } => {
                self.cursor = end;
                self.dirty = more;
                (!events.is_empty()).then_some(Happening::Events(events))
            }
            FeedPage::Reset { cursor } => {
                self.cursor = cursor;
                self.dirty = true;
                Some(Happening::Reset(cursor))
            }
        })
    }

    fn tail(&self) -> Option<FeedPage> {
        if self.from_log {
            return None;
        }
        let Cursor { epoch, seq } = self.cursor;
        let events = self.state.bus.tail(self.user_id, epoch, seq, self.page)?;
        let end = events.last().map_or(self.cursor, |event| event.cursor());
        let more = events.len() >= self.page;
        Some(FeedPage::Events { events, end, more })
    }

    async fn failed(&mut self, error: &StoreError) {
        tracing::warn!(%error, "the feed could not be read");
        self.failures += 1;
        if self.failures >= FEED_RETRIES {
            self.ending = Some(Ending::Unreadable);
        } else {
            sleep(Duration::from_secs(1)).await;
        }
    }
}
