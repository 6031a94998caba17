//! One open socket: a cursor and a set of watched conversations.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use domain::{ConversationId, Cursor, Event, StoreError, limits};
use futures::StreamExt;
use governor::DefaultDirectRateLimiter;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::close::Closing;
use super::expiry::{Due, Expiry};
use super::outlet::{GONE, Outlet};
use super::watched::Watched;
use crate::auth::Account;
use crate::error::Problem;
use crate::feed::{Ending, Follower, Happening, Typing, render};
use crate::limits::{
    DRAIN_SPREAD_MS, FEED_RETRIES, LAST_WORDS, WS_PING_EVERY, WS_SILENCE, frame_limiter,
};
use crate::state::AppState;
use crate::wire::frame::{ConnectionData, ConnectionStatus, Frame, FrameData, FrameType};

/// What the client asked for in the URL.
pub(crate) struct Opening {
    pub(crate) account: Account,
    pub(crate) request_id: String,
    pub(crate) since: Option<Cursor>,
    pub(crate) watch: Vec<String>,
}

/// `Err`: the connection ends, with a close frame where there is somebody to read it.
pub(super) type Step = Result<(), Option<Closing>>;

pub(super) struct Session {
    pub(super) state: AppState,
    pub(super) account: Account,
    pub(super) request_id: String,
    pub(super) follower: Follower,
    pub(super) watched: Watched,
    pub(super) typing: Typing,
    outlet: Outlet,
    /// Everything up to here has been written to the socket.
    delivered: Cursor,
    failures: u32,
    frames: DefaultDirectRateLimiter,
    expiry: Expiry,
    heard_at: Instant,
}

pub(crate) async fn run(state: AppState, opening: Opening, socket: WebSocket) {
    // Held until the end, so that the process waits for its sockets when it stops.
    let _token = state.config.tracker.token();
    let (sink, mut incoming) = socket.split();
    let outlet = Outlet::new(sink);
    let Opening {
        account,
        request_id,
        since,
        watch,
    } = opening;
    let Some(place) = state.sockets.enter(account.id()) else {
        let error = Frame::error(&too_many_sockets(), &request_id);
        outlet.close(&[error], Closing::TOO_MANY_SOCKETS).await;
        return;
    };
    let (user_id, session_id) = (account.id(), account.session.session_id);
    let follower = match Follower::begin(&state, user_id, session_id, since).await {
        Ok(follower) => follower,
        Err(error) => {
            let error = Frame::error(&error.into(), &request_id);
            outlet.close(&[error], Closing::UNREADABLE).await;
            return;
        }
    };
    let mut session = Session {
        expiry: Expiry::new(account.expires_at, state.now()),
        delivered: follower.cursor(),
        state,
        account,
        request_id,
        follower,
        watched: Watched::default(),
        typing: Typing::default(),
        outlet,
        failures: 0,
        frames: frame_limiter(),
        heard_at: Instant::now(),
    };
    let mut outcome = session.open(since.is_some(), &watch).await;
    while outcome.is_ok() {
        outcome = session.turn(&mut incoming).await;
    }
    if let Err(Some(closing)) = outcome {
        session.close(closing).await;
        drop(place);
        if closing.keeps_sending() {
            // Closing over bytes that nobody read resets the connection, and takes the close frame
            // away from the client that it is for.
            let _ = timeout(LAST_WORDS, async {
                while let Some(Ok(_)) = incoming.next().await {}
            })
            .await;
        }
    }
}

impl Session {
    /// Says where the feed is read from, and takes up what the URL asked to watch.
    async fn open(&mut self, resumes: bool, watch: &[String]) -> Step {
        let mut ids = Vec::new();
        for text in watch.iter().take(limits::WATCHED) {
            match ConversationId::parse(text) {
                Some(id) if !ids.contains(&id) => ids.push(id),
                Some(_) => {}
                None => self.error(&Problem::not_found(), None).await?,
            }
        }
        if watch.len() > limits::WATCHED {
            self.error(&too_many_watched(), None).await?;
        }
        if resumes && !ids.is_empty() {
            // Watched before the first event is replayed: its tokens are among them.
            let found = self
                .state
                .store
                .conversations_by_id(self.account.id(), &ids)
                .await;
            let found = found.map_err(|_| Some(Closing::UNREADABLE))?;
            for id in &ids {
                if found.iter().any(|row| row.conversation_id == *id) {
                    self.watched.add(*id, None);
                } else {
                    self.error(&Problem::not_found(), None).await?;
                }
            }
        }
        self.connection(ConnectionStatus::Ready, None).await?;
        if !resumes {
            for id in ids {
                self.watch(id).await?;
            }
        }
        Ok(())
    }

    /// One thing that happens.
    async fn turn<S>(&mut self, incoming: &mut S) -> Step
    where
        S: futures::Stream<Item = Result<Message, axum::Error>> + Unpin,
    {
        tokio::select! {
            message = incoming.next() => match message {
                Some(Ok(message)) => self.received(message).await,
                Some(Err(error)) => self.broken(&error).await,
                None => Err(GONE),
            },
            happening = self.follower.next() => self.happened(happening).await,
            () = sleep_until(self.expiry.wake_at) => self.expiring().await,
            () = sleep(WS_PING_EVERY) => self.quiet().await,
        }
    }

    async fn received(&mut self, message: Message) -> Step {
        self.heard_at = Instant::now();
        if self.frames.check().is_err() {
            self.error(&Problem::rate_limited(1), None).await?;
            return Err(Some(Closing::TOO_MANY_FRAMES));
        }
        // The timer is monotonic: after a machine has slept, the first frame finds the truth.
        self.expiring().await?;
        match message {
            Message::Text(text) => self.handle(&text).await,
            Message::Binary(_) => Err(Some(Closing::UNSUPPORTED)),
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => Err(GONE),
        }
    }

    async fn broken(&mut self, error: &axum::Error) -> Step {
        // The library's error is not part of axum's interface; its text is all there is.
        let text = error.to_string();
        if !text.contains("too long") && !text.contains("too large") {
            return Err(GONE);
        }
        let problem = Problem::new(
            axum::http::StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            "A frame may have at most 64 KiB.",
        );
        self.error(&problem, None).await?;
        Err(Some(Closing::TOO_BIG))
    }

    async fn happened(&mut self, happening: Happening) -> Step {
        match happening {
            Happening::Events(events) => self.deliver(events).await,
            Happening::Reset(cursor) => {
                self.watched.forget_positions();
                self.typing.forget_all();
                self.delivered = cursor;
                self.send(&[Frame::reset(cursor)]).await
            }
            Happening::Typing {
                conversation_id,
                state,
            } => {
                let state = super::handle::typing_state(&state);
                self.send(&[Frame::typing(conversation_id, "user", state, None)])
                    .await
            }
            Happening::Ended(ending) => Err(Some(ending.into())),
        }
    }

    async fn deliver(&mut self, events: Vec<Arc<Event>>) -> Step {
        let mut wanted: Vec<_> = events
            .into_iter()
            .filter(|event| self.watched.wants(event))
            .collect();
        while !wanted.is_empty() {
            let frames = match render(&self.state, self.account.id(), &wanted).await {
                Ok(frames) => frames,
                Err(error) => return self.unreadable(&error).await,
            };
            let took = frames.len();
            let later = wanted.split_off(took);
            let end = wanted.last().map_or(self.delivered, |event| event.cursor());
            let frames = self.with_typing(wanted, frames);
            let later = self.send_or_drop(&frames, later).await?;
            self.delivered = end;
            let Some(later) = later else {
                self.follower.slow(end, took);
                return Ok(());
            };
            wanted = later;
        }
        self.failures = 0;
        self.delivered = self.follower.cursor();
        Ok(())
    }

    /// Sends, and answers what comes later; `None` when the client made us wait: what comes later was
    /// dropped meanwhile, because it is in the log.
    async fn send_or_drop(
        &mut self,
        frames: &[Frame],
        later: Vec<Arc<Event>>,
    ) -> Result<Option<Vec<Arc<Event>>>, Option<Closing>> {
        let mut sending = pin!(self.send(frames));
        if let Poll::Ready(sent) = futures::poll!(&mut sending) {
            return sent.map(|()| Some(later));
        }
        if later.is_empty() {
            return sending.await.map(|()| Some(later));
        }
        drop(later);
        sending.await.map(|()| None)
    }

    /// Takes the events: nothing but frames is held while the client takes its time.
    fn with_typing(&mut self, events: Vec<Arc<Event>>, frames: Vec<Option<Frame>>) -> Vec<Frame> {
        let mut all = Vec::with_capacity(frames.len());
        for (event, frame) in events.into_iter().zip(frames) {
            all.extend(frame);
            if event.conversation_id.is_some_and(|id| self.watched.has(id)) {
                all.extend(self.typing.after(&event));
            }
        }
        all
    }

    /// Goes back to what was written last, and tries again in a second.
    async fn unreadable(&mut self, error: &StoreError) -> Step {
        tracing::warn!(%error, "events could not be rendered");
        self.failures += 1;
        if self.failures >= FEED_RETRIES {
            return Err(Some(Closing::UNREADABLE));
        }
        self.follower.seek(self.delivered);
        sleep(Duration::from_secs(1)).await;
        Ok(())
    }

    async fn expiring(&mut self) -> Step {
        match self.expiry.due(self.state.now()) {
            Due::Nothing => Ok(()),
            Due::Announcement => self.connection(ConnectionStatus::AuthExpiring, None).await,
            Due::Close => Err(Some(Closing::TOKEN_EXPIRED)),
        }
    }

    /// Nothing happened for a while: asks whether anybody is there.
    async fn quiet(&mut self) -> Step {
        if self.heard_at.elapsed() > WS_SILENCE {
            return Err(Some(Closing::SILENT));
        }
        self.outlet.ping(&mut self.follower).await
    }

    /// Sends the text so far of what the conversation's assistant is writing, and its tokens from
    /// there on.
    pub(super) async fn watch(&mut self, id: ConversationId) -> Step {
        if !self.watched.has(id) && self.watched.is_full() {
            return self.error(&too_many_watched(), None).await;
        }
        match self.state.store.open_message(self.account.id(), id).await {
            Ok((message, seen)) => {
                self.watched.add(id, Some(seen));
                self.typing.forget(id);
                let frames: Vec<_> = message.map(Frame::message).into_iter().collect();
                self.send(&frames).await
            }
            Err(error) => self.error(&error.into(), None).await,
        }
    }

    /// A newer token of the same login.
    pub(super) async fn renew(&mut self, token: &str) -> Step {
        let renewed = Account::from_token(&self.state, token).await;
        let mine = renewed.and_then(|account| {
            let same = account.session.session_id == self.account.session.session_id;
            if same {
                Ok(account)
            } else {
                Err(Problem::unauthenticated())
            }
        });
        match mine {
            Ok(account) => {
                self.expiry = Expiry::new(account.expires_at, self.state.now());
                self.account = account;
                self.connection(ConnectionStatus::Ready, None).await
            }
            Err(problem) => self.error(&problem, None).await,
        }
    }

    pub(super) async fn send(&mut self, frames: &[Frame]) -> Step {
        if frames.is_empty() {
            return Ok(());
        }
        let count = u64::try_from(frames.len()).unwrap_or(u64::MAX);
        metrics::counter!("rejoinder_frames_sent_total").increment(count);
        self.outlet.send(&mut self.follower, frames).await
    }

    pub(super) async fn error(&mut self, problem: &Problem, about: Option<&str>) -> Step {
        let frame = match about {
            Some(id) => {
                let problem = problem.clone().with("client_message_id", id);
                Frame::error(&problem, &self.request_id)
            }
            None => Frame::error(problem, &self.request_id),
        };
        self.send(&[frame]).await
    }

    fn connection_frame(&self, status: ConnectionStatus, retry_after_ms: Option<u64>) -> Frame {
        let cursor = self.delivered;
        let data = ConnectionData {
            status,
            cursor: cursor.to_string(),
            epoch: cursor.epoch,
            user_id: self.account.id().0,
            version: self.state.config.version,
            retry_after_ms,
        };
        Frame::new(FrameType::Connection, FrameData::Connection(data), None)
    }

    async fn connection(&mut self, status: ConnectionStatus, retry: Option<u64>) -> Step {
        let frame = self.connection_frame(status, retry);
        self.send(&[frame]).await
    }

    pub(super) fn pong(&self) -> Frame {
        Frame::pong(self.delivered)
    }

    async fn close(self, closing: Closing) {
        let last = if closing == Closing::from(Ending::Draining) {
            let retry = self.retry_after_ms();
            vec![self.connection_frame(ConnectionStatus::Draining, Some(retry))]
        } else {
            Vec::new()
        };
        self.outlet.close(&last, closing).await;
    }

    /// Spread, so that not everybody comes back at once.
    fn retry_after_ms(&self) -> u64 {
        let mut bytes = [0; 8];
        self.state.ids.fill(&mut bytes);
        500 + u64::from_le_bytes(bytes) % DRAIN_SPREAD_MS
    }
}

fn too_many_watched() -> Problem {
    Problem::new(
        axum::http::StatusCode::UNPROCESSABLE_ENTITY,
        "too_many_watched",
        "A socket may watch 8 conversations. Unwatch one first.",
    )
}

pub(crate) fn too_many_sockets() -> Problem {
    Problem::new(
        axum::http::StatusCode::TOO_MANY_REQUESTS,
        "too_many_sockets",
        "This account has too many open connections. Close some tabs.",
    )
    .retry_after(5)
}
