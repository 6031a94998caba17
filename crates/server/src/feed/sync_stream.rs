//! A user's whole feed as one stream of frames, with the tokens of watched conversations.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::{ConversationId, Cursor, Event, StoreResult};

use super::{Ending, Follower, Happening, batch, render};
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
        let mut watched = Watched::default();
        for row in state.store.conversations_by_id(user_id, watch).await? {
            watched.add(row.conversation_id, None);
        }
        if watch.iter().any(|id| !watched.has(*id)) {
            return Err(Problem::not_found());
        }
        let follower = Follower::begin(state, user_id, account.session.session_id, since).await?;
        let mut stream = Self {
            state: state.clone(),
            account,
            request_id,
            follower,
            watched,
            ready: VecDeque::new(),
            done: false,
        };
        stream.connection(ConnectionStatus::Ready, None);
        if since.is_none() {
            for id in watch {
                stream.snapshot(*id).await?;
            }
        }
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
            match self.follower.next().await {
                Happening::Events(events) => {
                    if let Err(error) = self.take(&events).await {
                        self.done = true;
                        self.ready
                            .push_back(Frame::error(&error.into(), &self.request_id));
                    }
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

    async fn take(&mut self, events: &[Arc<Event>]) -> StoreResult<()> {
        let wanted: Vec<_> = events
            .iter()
            .filter(|event| self.watched.wants(event))
            .cloned()
            .collect();
        let mut rest = wanted.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(batch(rest));
            let frames = render(&self.state, self.account.id(), now).await?;
            self.ready.extend(frames.into_iter().flatten());
            rest = later;
        }
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
