//! Messages. A tool call and its result are messages; each model call of a run is one message.

use serde_json::Value;

use crate::{ConversationId, MessageId, Offsets, RunId, Timestamp};

macro_rules! text_enum {
    ($(#[$doc:meta])* $name:ident { $($variant:ident => $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($variant),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

text_enum! {
    /// The seed plan's `role`.
    Role { User => "user", Assistant => "assistant", Tool => "tool", System => "system" }
}

text_enum! {
    /// The seed plan's `message_type`.
    MessageType {
        UserInput => "user_input",
        AssistantResponse => "assistant_response",
        ToolCall => "tool_call",
        ToolResult => "tool_result",
        SystemMessage => "system_message",
    }
}

text_enum! {
    MessageStatus {
        Queued => "queued",
        Streaming => "streaming",
        AwaitingApproval => "awaiting_approval",
        Complete => "complete",
        Interrupted => "interrupted",
        Cancelled => "cancelled",
        Failed => "failed",
    }
}

text_enum! {
    /// The seed plan's `tool_success`, which is text there.
    ToolSuccess { True => "true", False => "false", Unknown => "unknown" }
}

impl Message {
    /// A user's message that waits behind another run: it has no place in the tree yet.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.role == Role::User && self.status == MessageStatus::Queued
    }
}

impl MessageStatus {
    /// Will change by itself.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(
            self,
            Self::Queued | Self::Streaming | Self::AwaitingApproval
        )
    }
}

/// A row of `conversation_messages`. For an open message, `content` and `offsets` include every
/// delta committed up to the snapshot in which it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub id: MessageId,
    pub conversation_id: ConversationId,
    pub role: Role,
    pub content: String,
    pub message_type: MessageType,
    pub tool_name: Option<String>,
    pub tool_success: Option<ToolSuccess>,
    pub timestamp: Timestamp,
    /// Object or `None`. Keys in use: `model`, `built_in`, `error`, `usage`, `resumed`, `reasoning`,
    /// `context` (assistant); `call_id`, `arguments`, `state` (tool call); `call_id`, `result`
    /// (tool result).
    pub additional_data: Option<Value>,
    pub client_message_id: Option<String>,
    pub parent_id: Option<MessageId>,
    pub run_id: Option<RunId>,
    pub status: MessageStatus,
    /// Ids of all messages with the same parent that are answers to it in the same role, itself
    /// included, oldest first.
    pub siblings: Vec<MessageId>,
    /// From 1; grows when the text starts again.
    pub revision: i64,
    /// UTF-8 bytes per channel that `content` and the reasoning hold.
    pub offsets: Offsets,
}

/// Superseded text of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    pub revision: i64,
    pub content: String,
    pub superseded_at: Timestamp,
}

/// Which part of the active branch is wanted; at most `limit` messages, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    Latest,
    Before(MessageId),
    After(MessageId),
    Around(MessageId),
}

#[derive(Debug, Clone, PartialEq)]
pub struct MessagePage {
    /// Of the active branch; where the window is the latest one, the messages that wait in the
    /// queue follow, whatever the limit.
    pub messages: Vec<Message>,
    pub has_before: bool,
    pub has_after: bool,
    /// Feed position of the snapshot.
    pub cursor: crate::Cursor,
}
