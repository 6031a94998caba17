//! Whose tokens a socket wants.

use domain::{ConversationId, Cursor, Event, EventBody, limits};

/// At most eight conversations, each with the position up to which its tokens have been sent as
/// whole text.
#[derive(Default)]
pub(crate) struct Watched(Vec<(ConversationId, Option<Cursor>)>);

impl Watched {
    pub(crate) fn has(&self, id: ConversationId) -> bool {
        self.0.iter().any(|(watched, _)| *watched == id)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= limits::WATCHED
    }

    /// Watches from the socket's own position on, or from `seen` on.
    pub(crate) fn add(&mut self, id: ConversationId, seen: Option<Cursor>) {
        self.remove(id);
        self.0.push((id, seen));
    }

    pub(crate) fn remove(&mut self, id: ConversationId) {
        self.0.retain(|(watched, _)| *watched != id);
    }

    /// After a reset positions mean nothing any more.
    pub(crate) fn forget_positions(&mut self) {
        for (_, seen) in &mut self.0 {
            *seen = None;
        }
    }

    /// Everything but tokens that nobody asked for, or that were sent as text already.
    pub(crate) fn wants(&self, event: &Event) -> bool {
        if !matches!(event.body, EventBody::Delta(_)) {
            return true;
        }
        let Some(id) = event.conversation_id else {
            return false;
        };
        self.0.iter().any(|(watched, seen)| {
            *watched == id
                && seen.is_none_or(|seen| seen.epoch != event.epoch || event.seq > seen.seq)
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::{Delta, DeltaChannel, MessageId, Timestamp, UserId};
    use uuid::Uuid;

    use super::*;

    fn id(n: u128) -> ConversationId {
        ConversationId(Uuid::from_u128(n))
    }

    fn delta(conversation: u128, seq: i64) -> Event {
        Event {
            user_id: UserId(1),
            epoch: 1,
            seq,
            conversation_id: Some(id(conversation)),
            run_id: None,
            body: EventBody::Delta(Delta {
                message_id: MessageId(1),
                revision: 1,
                channel: DeltaChannel::Text,
                offset: 0,
                text: String::new(),
            }),
            created_at: Timestamp(0),
        }
    }

    #[test]
    fn tokens_of_a_watched_conversation_pass_once() {
        let mut watched = Watched::default();
        assert!(!watched.wants(&delta(1, 5)));
        watched.add(id(1), None);
        assert!(watched.wants(&delta(1, 5)));
        watched.add(id(1), Some(Cursor { epoch: 1, seq: 5 }));
        assert!(!watched.wants(&delta(1, 5)));
        assert!(watched.wants(&delta(1, 6)));
        assert!(!watched.wants(&delta(2, 6)));
        watched.forget_positions();
        assert!(watched.wants(&delta(1, 5)));
        watched.remove(id(1));
        assert!(!watched.wants(&delta(1, 6)));
    }

    #[test]
    fn other_events_always_pass() {
        let event = Event {
            body: EventBody::Conversation {},
            ..delta(1, 1)
        };
        assert!(Watched::default().wants(&event));
    }
}
