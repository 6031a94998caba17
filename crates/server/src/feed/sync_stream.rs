//! A user's whole feed as one stream of frames, with the tokens of watched conversations.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::{ConversationId, Cursor, Event, StoreResult};

use super::render::render_to;
use super::{Ending, Follower, Happening};
use crate::auth::Account;
use crate::error::Problem;
use crate::sse::Frames;
use crate::state::AppState;
use crate::wire::frame::{
    ConnectionData, ConnectionStatus, Frame, FrameData, FrameType, TypingState,
};
use crate::ws::Watched;

pub(crate) struct SyncStream {
    state: AppState,
    account: Account,
    request_id: String,
    follower: Follower,
    watched: Watched,
    /// Conversations whose text so far is still to be said.
    to_show: VecDeque<ConversationId>,
    /// One batch, and no more: what follows is in the log.
    ready: VecDeque<Frame>,
    done: bool,
}

impl SyncStream {
    pub(crate) async fn begin(
        state: &AppState,
        account: Account,
        request_id: String,
        since: Option<Cursor>,
        watch: &[ConversationId],
    ) -> Result<Self, Problem> {
        let user_id = account.id();
        let found = state.store.conversations_by_id(user_id, watch).await?;
        let exists = |id: &ConversationId| found.iter().any(|row| row.conversation_id == *id);
        if !watch.iter().all(exists) {
            return Err(Problem::not_found());
        }
        let mut watched = Watched::default();
        let mut to_show = VecDeque::new();
        for id in watch {
            if since.is_some() {
                watched.add(*id, None);
            } else {
                to_show.push_back(*id);
            }
        }
        let follower = Follower::begin(state, user_id, account.session.session_id, since).await?;
        let mut stream = Self {
            state: state.clone(),
            account,
            request_id,
            follower,
            watched,
            to_show,
            ready: VecDeque::new(),
            done: false,
        };
        stream.connection(ConnectionStatus::Ready, None);
        Ok(stream)
    }

    async fn snapshot(&mut self, id: ConversationId) -> StoreResult<()> {
        let (message, seen) = self.state.store.open_message(self.account.id(), id).await?;
        self.watched.add(id, Some(seen));
        self.ready.extend(message.map(Frame::message));
        Ok(())
    }

    async fn next_frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(frame);
            }
            if self.done {
                return None;
            }
            // Watched from its snapshot on: one after the other, since each may be long.
            if let Some(id) = self.to_show.pop_front() {
                let shown = self.snapshot(id).await;
                self.failed_if(shown);
                continue;
            }
            match self.follower.next().await {
                Happening::Events(events) => {
                    let taken = self.take(events).await;
                    self.failed_if(taken);
                }
                Happening::Reset(cursor) => {
                    self.watched.forget_positions();
                    self.ready.push_back(Frame::reset(cursor));
                }
                Happening::Typing {
                    conversation_id,
                    state,
                } => {
                    let state = if state == "idle" {
                        TypingState::Idle
                    } else {
                        TypingState::Writing
                    };
                    self.ready
                        .push_back(Frame::typing(conversation_id, "user", state, None));
                }
                Happening::Ended(ending) => self.end(ending),
            }
        }
    }

    fn failed_if(&mut self, outcome: StoreResult<()>) {
        if let Err(error) = outcome {
            self.done = true;
            self.ready
                .push_back(Frame::error(&error.into(), &self.request_id));
        }
    }

    async fn take(&mut self, events: Vec<Arc<Event>>) -> StoreResult<()> {
        let wanted: Vec<_> = events
            .into_iter()
            .filter(|event| self.watched.wants(event))
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let user_id = self.account.id();
        let (ready, follower) = (&mut self.ready, &mut self.follower);
        render_to(ready, follower, &self.state, user_id, &wanted).await?;
        Ok(())
    }

    fn connection(&mut self, status: ConnectionStatus, retry_after_ms: Option<u64>) {
        let cursor = self.follower.cursor();
        let data = ConnectionData {
            status,
            cursor: cursor.to_string(),
            epoch: cursor.epoch,
            user_id: self.account.id().0,
            version: self.state.config.version,
            retry_after_ms,
        };
        self.ready.push_back(Frame::new(
            FrameType::Connection,
            FrameData::Connection(data),
            None,
        ));
    }

    fn end(&mut self, ending: Ending) {
        self.done = true;
        if ending == Ending::Draining {
            self.connection(ConnectionStatus::Draining, Some(1_000));
        } else {
            self.ready
                .push_back(Frame::error(&ending.problem(), &self.request_id));
        }
    }
}

impl Frames for SyncStream {
    async fn next(&mut self) -> Option<Frame> {
        self.next_frame().await
    }

    async fn ended(&mut self) -> Ending {
        self.follower.ended().await
    }
}
