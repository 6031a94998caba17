//! What the assistant is doing, derived from the events of a conversation and never stored.

use std::collections::HashMap;

use domain::{CallState, ConversationId, DeltaChannel, Event, EventBody, RunId, RunState};

use crate::wire::frame::{Frame, TypingState};

/// Remembers what was said last, so that the same isn't said again.
#[derive(Default)]
pub(crate) struct Typing {
    said: HashMap<ConversationId, Said>,
}

#[derive(PartialEq, Eq)]
struct Said {
    state: TypingState,
    detail: Option<String>,
    run_id: Option<RunId>,
}

impl Typing {
    pub(crate) fn forget(&mut self, conversation: ConversationId) {
        self.said.remove(&conversation);
    }

    pub(crate) fn forget_all(&mut self) {
        self.said.clear();
    }

    /// The frame that this event makes, if it changes anything.
    pub(crate) fn after(&mut self, event: &Event) -> Option<Frame> {
        let conversation = event.conversation_id?;
        let (state, detail) = state(&event.body)?;
        if state == TypingState::Idle {
            // Nothing said is the same as idle: only what was said needs taking back, and not by the
            // end of a run that only waited behind the one at work.
            let said = self.said.get(&conversation)?;
            if said.run_id != event.run_id {
                return None;
            }
            self.said.remove(&conversation);
        } else {
            let now = Said {
                state,
                detail: detail.clone(),
                run_id: event.run_id,
            };
            let before = self.said.insert(conversation, now);
            if before.is_some_and(|said| said.state == state && said.detail == detail) {
                return None;
            }
        }
        Some(Frame::typing(
            Some(conversation),
            "assistant",
            state,
            detail,
        ))
    }
}

fn state(body: &EventBody) -> Option<(TypingState, Option<String>)> {
    let state = match body {
        EventBody::Run { state, .. } => match state {
            RunState::Queued => TypingState::Queued,
            RunState::Running => TypingState::Thinking,
            RunState::AwaitingApproval
            | RunState::Completed
            | RunState::Failed
            | RunState::Cancelled => TypingState::Idle,
        },
        EventBody::Tool {
            name,
            state: CallState::Running,
            ..
        } => {
            return Some((TypingState::Tool, Some(name.clone())));
        }
        EventBody::Tool { state, .. } if state.is_settled() => TypingState::Thinking,
        EventBody::Delta(delta) => match delta.channel {
            DeltaChannel::Text => TypingState::Writing,
            DeltaChannel::Reasoning | DeltaChannel::ToolArguments => TypingState::Thinking,
        },
        EventBody::Tool { .. }
        | EventBody::Message { .. }
        | EventBody::MessageDeleted { .. }
        | EventBody::Approval { .. }
        | EventBody::Conversation {}
        | EventBody::ConversationDeleted {}
        | EventBody::Todo { .. }
        | EventBody::TodoDeleted { .. } => return None,
    };
    Some((state, None))
}

#[cfg(test)]
mod tests {
    use domain::{CallId, Delta, MessageId, Timestamp, UserId};
    use uuid::Uuid;

    use super::*;
    use crate::wire::frame::FrameData;

    fn event(body: EventBody) -> Event {
        Event {
            user_id: UserId(1),
            epoch: 1,
            seq: 1,
            conversation_id: Some(ConversationId(Uuid::nil())),
            run_id: Some(RunId(Uuid::nil())),
            body,
            created_at: Timestamp(0),
        }
    }

    fn run(state: RunState) -> EventBody {
        let run_id = RunId(Uuid::nil());
        EventBody::Run {
            run_id,
            state,
            step: 0,
            message_id: None,
            usage: None,
            error: None,
        }
    }

    fn tool(state: CallState) -> EventBody {
        let (call_id, name) = (CallId(Uuid::nil()), "clock".to_owned());
        EventBody::Tool {
            call_id,
            message_id: MessageId(1),
            name,
            state,
        }
    }

    fn delta(channel: DeltaChannel) -> EventBody {
        let text = "x".to_owned();
        EventBody::Delta(Delta {
            message_id: MessageId(1),
            revision: 1,
            channel,
            offset: 0,
            text,
        })
    }

    #[test]
    fn a_turn_is_told_without_repeating() {
        let mut typing = Typing::default();
        let told: Vec<_> = [
            run(RunState::Queued),
            run(RunState::Running),
            delta(DeltaChannel::Reasoning),
            tool(CallState::Intended),
            tool(CallState::Running),
            tool(CallState::Succeeded),
            delta(DeltaChannel::Text),
            delta(DeltaChannel::Text),
            run(RunState::Completed),
            run(RunState::Completed),
        ]
        .into_iter()
        .filter_map(|body| typing.after(&event(body)))
        .map(|frame| match frame.data {
            FrameData::Typing(data) => (data.state, data.detail),
            other => panic!("{other:?}"),
        })
        .collect();
        assert_eq!(
            told,
            [
                (TypingState::Queued, None),
                (TypingState::Thinking, None),
                (TypingState::Tool, Some("clock".to_owned())),
                (TypingState::Thinking, None),
                (TypingState::Writing, None),
                (TypingState::Idle, None),
            ]
        );
    }

    #[test]
    fn the_end_of_a_run_that_waited_does_not_silence_the_one_at_work() {
        let mut typing = Typing::default();
        typing.after(&event(delta(DeltaChannel::Text))).unwrap();
        let removed = Event {
            run_id: Some(RunId(Uuid::from_u128(7))),
            ..event(run(RunState::Cancelled))
        };
        assert_eq!(typing.after(&removed), None);
        assert!(typing.after(&event(run(RunState::Completed))).is_some());
    }
}
