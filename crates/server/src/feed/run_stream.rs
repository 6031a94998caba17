//! One run's part of the feed, with all its deltas, until it has ended.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::{
    ConversationId, Cursor, Event, EventBody, Message, MessageId, Run, RunId, StoreResult,
};

use super::render::render_to;
use super::{Ending, Follower, Happening};
use crate::auth::Account;
use crate::error::Problem;
use crate::sse::Frames;
use crate::state::AppState;
use crate::wire::frame::Frame;

pub(crate) struct RunStream {
    state: AppState,
    account: Account,
    request_id: String,
    run_id: RunId,
    conversation_id: ConversationId,
    user_message_id: MessageId,
    follower: Follower,
    /// Messages of the run as it was joined that are still to be said: each is read when its turn
    /// comes, since they may be long. But the newest answer, which goes on from that moment.
    to_say: VecDeque<MessageId>,
    answer: Option<Message>,
    /// One batch, and no more: what follows is in the log.
    ready: VecDeque<Frame>,
    /// The run has ended, perhaps at a position before the cursor.
    over: bool,
    done: bool,
}

impl RunStream {
    /// Follows the run after `after`; without a position, first says how its messages are now.
    pub(crate) async fn begin(
        state: &AppState,
        account: Account,
        request_id: String,
        run_id: RunId,
        after: Option<Cursor>,
    ) -> Result<Self, Problem> {
        let follower =
            Follower::begin(state, account.id(), account.session.session_id, after).await?;
        let run = state.store.run(account.id(), run_id).await?;
        let mut stream = Self::attach(state, account, request_id, &run, follower);
        stream.over = run.state.is_terminal();
        if after.is_none() {
            stream.snapshot().await?;
        }
        Ok(stream)
    }

    /// Follows a run that was made after `follower` began: nothing of it can be missed.
    pub(crate) fn attach(
        state: &AppState,
        account: Account,
        request_id: String,
        run: &Run,
        follower: Follower,
    ) -> Self {
        Self {
            state: state.clone(),
            account,
            request_id,
            run_id: run.run_id,
            conversation_id: run.conversation_id,
            user_message_id: run.user_message_id,
            follower,
            to_say: VecDeque::new(),
            answer: None,
            ready: VecDeque::new(),
            over: false,
            done: false,
        }
    }

    /// The messages as they are, and the feed from there on.
    async fn snapshot(&mut self) -> StoreResult<()> {
        // One snapshot: an answer begun, or an end come, between two would be behind the position.
        let joined = self.state.store.joined(self.account.id(), self.run_id);
        let joined = joined.await?;
        self.to_say = joined.messages.into();
        self.answer = Some(joined.answer);
        self.follower.seek(joined.cursor);
        self.over = joined.run.state.is_terminal();
        Ok(())
    }

    /// The next frame; `None` after the terminal `run` frame, or when the connection must end.
    async fn next_frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(frame);
            }
            if self.done {
                return None;
            }
            if let Some(id) = self.to_say.pop_front() {
                let said = self.say(id).await;
                self.failed_if(said);
                continue;
            }
            let happening = if self.over {
                self.follower.pending().await
            } else {
                Some(self.follower.next().await)
            };
            let outcome = match happening {
                Some(Happening::Events(events)) => self.take(events).await,
                Some(Happening::Reset(cursor)) => {
                    self.ready.push_back(Frame::reset(cursor));
                    self.snapshot().await
                }
                Some(Happening::Typing { .. }) => Ok(()),
                Some(Happening::Ended(ending)) => {
                    self.end(ending);
                    Ok(())
                }
                None => self.close().await,
            };
            self.failed_if(outcome);
        }
    }

    /// One message of those that were there when the run was joined. What has been deleted since is
    /// told by an event.
    async fn say(&mut self, id: MessageId) -> StoreResult<()> {
        if let Some(answer) = self.answer.take_if(|answer| answer.id == id) {
            self.ready.push_back(Frame::message(answer));
            return Ok(());
        }
        let user_id = self.account.id();
        let (found, _) = self.state.store.messages_by_id(user_id, &[id]).await?;
        self.ready.extend(found.into_iter().map(Frame::message));
        Ok(())
    }

    fn failed_if(&mut self, outcome: StoreResult<()>) {
        if let Err(error) = outcome {
            self.done = true;
            self.ready
                .push_back(Frame::error(&error.into(), &self.request_id));
        }
    }

    async fn take(&mut self, events: Vec<Arc<Event>>) -> StoreResult<()> {
        let mut mine: Vec<_> = events
            .into_iter()
            .filter(|event| self.is_mine(event))
            .collect();
        // Nothing of a run follows its end.
        let last = mine.iter().position(|event| self.is_end(event));
        if let Some(last) = last {
            mine.truncate(last + 1);
        }
        if mine.is_empty() {
            return Ok(());
        }
        let user_id = self.account.id();
        let (ready, follower) = (&mut self.ready, &mut self.follower);
        let whole = render_to(ready, follower, &self.state, user_id, &mine).await?;
        self.done = whole && last.is_some();
        Ok(())
    }

    fn is_mine(&self, event: &Event) -> bool {
        let question = EventBody::Message {
            message_id: self.user_message_id,
        };
        event.run_id == Some(self.run_id) || event.body == question || self.is_end(event)
    }

    fn is_end(&self, event: &Event) -> bool {
        match &event.body {
            EventBody::Run { run_id, state, .. } => *run_id == self.run_id && state.is_terminal(),
            EventBody::ConversationDeleted {} => {
                event.conversation_id == Some(self.conversation_id)
            }
            EventBody::Message { .. }
            | EventBody::MessageDeleted { .. }
            | EventBody::Delta(_)
            | EventBody::Tool { .. }
            | EventBody::Approval { .. }
            | EventBody::Conversation {}
            | EventBody::Todo { .. }
            | EventBody::TodoDeleted { .. } => false,
        }
    }

    /// The run ended before what was asked for: says so as the run is now.
    async fn close(&mut self) -> StoreResult<()> {
        let run = self.state.store.run(self.account.id(), self.run_id).await?;
        self.ready.push_back(Frame::run(run));
        self.done = true;
        Ok(())
    }

    fn end(&mut self, ending: Ending) {
        self.done = true;
        self.ready
            .push_back(Frame::error(&ending.problem(), &self.request_id));
    }
}

impl Frames for RunStream {
    async fn next(&mut self) -> Option<Frame> {
        self.next_frame().await
    }

    async fn ended(&mut self) -> Ending {
        self.follower.ended().await
    }
}
