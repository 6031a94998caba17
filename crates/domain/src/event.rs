//! The feed: one dense, per-user sequence of what happened.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{CallState, ConversationId, MessageId, RunId, RunState, Timestamp, TodoId, UserId};

/// A position in a user's feed: everything up to and including `seq` has been seen.
/// Its text form `epoch-seq` is opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    pub epoch: i64,
    pub seq: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}", self.epoch, self.seq)
    }
}

impl Cursor {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, seq) = text.split_once('-')?;
        let number = |part: &str| {
            let plain = !part.is_empty()
                && part.len() <= 15
                && part
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            plain.then(|| i64::from_str_radix(part, 16).ok()).flatten()
        };
        Some(Self {
            epoch: number(epoch)?,
            seq: number(seq)?,
        })
    }
}

/// UTF-8 bytes per channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offsets {
    pub text: i64,
    pub reasoning: i64,
    pub tool_arguments: i64,
}

impl Offsets {
    #[must_use]
    pub fn get(&self, channel: DeltaChannel) -> i64 {
        match channel {
            DeltaChannel::Text => self.text,
            DeltaChannel::Reasoning => self.reasoning,
            DeltaChannel::ToolArguments => self.tool_arguments,
        }
    }

    pub fn advance(&mut self, channel: DeltaChannel, bytes: usize) {
        let slot = match channel {
            DeltaChannel::Text => &mut self.text,
            DeltaChannel::Reasoning => &mut self.reasoning,
            DeltaChannel::ToolArguments => &mut self.tool_arguments,
        };
        *slot = slot.saturating_add(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeltaChannel {
    Text,
    Reasoning,
    ToolArguments,
}

/// A piece of a message's text. `offset` counts the bytes of that channel and revision before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    pub message_id: MessageId,
    pub revision: i64,
    pub channel: DeltaChannel,
    pub offset: i64,
    pub text: String,
}

/// One committed line of a feed.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub user_id: UserId,
    pub epoch: i64,
    pub seq: i64,
    pub conversation_id: Option<ConversationId>,
    pub run_id: Option<RunId>,
    pub body: EventBody,
    pub created_at: Timestamp,
}

impl Event {
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor {
            epoch: self.epoch,
            seq: self.seq,
        }
    }

    /// About what it holds in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let text = match &self.body {
            EventBody::Delta(delta) => delta.text.len(),
            EventBody::Run { error, .. } => error
                .as_ref()
                .map_or(0, |error| error.code.len() + error.detail.len()),
            EventBody::Tool { name, .. } => name.len(),
            EventBody::Message { .. }
            | EventBody::MessageDeleted { .. }
            | EventBody::Approval { .. }
            | EventBody::Conversation {}
            | EventBody::ConversationDeleted {}
            | EventBody::Todo { .. }
            | EventBody::TodoDeleted { .. } => 0,
        };
        size_of::<Self>() + text
    }
}

/// What a line says. Small: rows that can change are named, and rendered from their current state.
/// Stored as JSON with the tag `kind` in its own column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventBody {
    /// Created, or changed in status, revision or text.
    Message {
        message_id: MessageId,
    },
    /// A message that waited in the queue was removed.
    MessageDeleted {
        message_id: MessageId,
    },
    Delta(Delta),
    Run {
        run_id: RunId,
        state: RunState,
        step: i64,
        message_id: Option<MessageId>,
        usage: Option<crate::Usage>,
        error: Option<crate::RunError>,
    },
    Tool {
        call_id: crate::CallId,
        message_id: MessageId,
        name: String,
        state: CallState,
    },
    Approval {
        approval_id: crate::ApprovalId,
    },
    /// Created or changed.
    Conversation {},
    ConversationDeleted {},
    Todo {
        todo_id: TodoId,
    },
    TodoDeleted {
        todo_id: TodoId,
    },
}

impl EventBody {
    /// The value of column `events.kind`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Message { .. } => "message",
            Self::MessageDeleted { .. } => "message_deleted",
            Self::Delta(_) => "delta",
            Self::Run { .. } => "run",
            Self::Tool { .. } => "tool",
            Self::Approval { .. } => "approval",
            Self::Conversation {} => "conversation",
            Self::ConversationDeleted {} => "conversation_deleted",
            Self::Todo { .. } => "todo",
            Self::TodoDeleted { .. } => "todo_deleted",
        }
    }
}

/// What a reader finds after a cursor.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedPage {
    /// In order, without holes that matter. `end` is the position after the last one; `more` says
    /// that there may be something after it.
    Events {
        events: Vec<std::sync::Arc<Event>>,
        end: Cursor,
        more: bool,
    },
    /// The cursor is too old, of another epoch, or beyond the end: load state again, go on from here.
    Reset { cursor: Cursor },
}

#[cfg(test)]
mod tests {
    use super::Cursor;

    #[test]
    fn cursors_round_trip_and_refuse_everything_else() {
        let cursor = Cursor {
            epoch: 3,
            seq: 1_000_000,
        };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for bad in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "1-2-3",
            "1--2",
            "g-1",
            "1-+2",
            " 1-2",
            "F-1",
            "ffffffffffffffff-1",
        ] {
            assert_eq!(Cursor::parse(bad), None, "{bad:?}");
        }
    }
}
