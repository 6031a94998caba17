//! What each frame of a client does. The same code as the routes.

use domain::Signal;

use super::frames::{self, ClientFrame, Refused};
use super::session::{Session, Step};
use crate::chat;
use crate::error::Problem;
use crate::wire::frame::{AckData, Frame, FrameData, FrameType, TypingState};
use crate::wire::send::MessageCreate;

impl Session {
    pub(super) async fn handle(&mut self, text: &str) -> Step {
        let frame = match frames::parse(text) {
            Ok(frame) => frame,
            Err(Refused {
                problem,
                client_message_id,
            }) => {
                return self.error(&problem, client_message_id.as_deref()).await;
            }
        };
        match frame {
            ClientFrame::Message(message) => self.message(*message).await,
            ClientFrame::Watch(id) => self.watch(id).await,
            ClientFrame::Unwatch(id) => {
                self.watched.remove(id);
                self.typing.forget(id);
                Ok(())
            }
            ClientFrame::Stop(run_id) => {
                let stopped = chat::cancel(&self.state, &self.account.user, run_id).await;
                self.answered(stopped.map(drop)).await
            }
            ClientFrame::Approval { id, decision } => {
                let decided = chat::decide(&self.state, &self.account.user, id, decision).await;
                self.answered(decided.map(drop)).await
            }
            ClientFrame::Call { id, decision } => {
                let (state, user) = (&self.state, &self.account.user);
                let decided = chat::decide_call(state, user, id, decision.into()).await;
                self.answered(decided.map(drop)).await
            }
            ClientFrame::Typing {
                conversation,
                state,
            } => {
                self.state.bus.signal(Signal::Typing {
                    user_id: self.account.id(),
                    conversation_id: conversation,
                    from: self.account.session.session_id,
                    state: typing_text(state).to_owned(),
                });
                Ok(())
            }
            ClientFrame::Auth { token } => self.renew(&token).await,
            ClientFrame::Ping => {
                let pong = self.pong();
                self.send(&[pong]).await
            }
        }
    }

    /// What was done shows on the feed; only a refusal needs an answer.
    async fn answered(&mut self, outcome: Result<(), Problem>) -> Step {
        match outcome {
            Ok(()) => Ok(()),
            Err(problem) => self.error(&problem, None).await,
        }
    }

    async fn message(&mut self, message: MessageCreate) -> Step {
        let client_message_id = message.client_message_id.clone().unwrap_or_default();
        let prepared = match chat::prepare(&self.state, &self.account.user, message, None) {
            Ok(prepared) => prepared,
            Err(problem) => {
                let problem = problem.below("/data");
                return self.error(&problem, Some(&client_message_id)).await;
            }
        };
        // Watched before it is sent, so that not one token is missed.
        let target = prepared
            .conversation_id
            .unwrap_or(prepared.new_conversation_id);
        let new = !self.watched.has(target) && !self.watched.is_full();
        if new {
            self.watched.add(target, None);
        }
        let sent = match chat::send(&self.state, prepared).await {
            Ok(sent) => sent,
            Err(problem) => {
                if new {
                    self.watched.remove(target);
                }
                return self.error(&problem, Some(&client_message_id)).await;
            }
        };
        let conversation = sent.run.conversation_id;
        let ack = AckData {
            client_message_id,
            message: sent.user_message.into(),
            conversation_id: conversation.to_string(),
            run_id: sent.run.run_id.to_string(),
        };
        let data = FrameData::Ack(Box::new(ack));
        self.send(&[Frame::new(FrameType::Ack, data, Some(conversation))])
            .await?;
        if sent.repeated || !self.watched.has(conversation) {
            if new && target != conversation {
                self.watched.remove(target);
            }
            // Its answer may be half written: the text so far comes first.
            self.watch(conversation).await?;
        }
        Ok(())
    }
}

fn typing_text(state: TypingState) -> &'static str {
    match state {
        TypingState::Idle => "idle",
        TypingState::Queued | TypingState::Thinking | TypingState::Tool | TypingState::Writing => {
            "writing"
        }
    }
}

/// Reads what another node, perhaps of another version, wrote.
pub(super) fn typing_state(text: &str) -> TypingState {
    if text == "idle" {
        TypingState::Idle
    } else {
        TypingState::Writing
    }
}
