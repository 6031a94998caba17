//! Approvals: a row bound to a hash of the arguments, resolved once, from any device.

use serde_json::Value;

use crate::{ApprovalId, CallId, ConversationId, RunId, Timestamp, UserId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    Approve,
    Deny,
}

impl Decision {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "approve" => Some(Self::Approve),
            "deny" => Some(Self::Deny),
            _ => None,
        }
    }
}

/// How far an approval reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scope {
    /// This one call.
    #[default]
    Once,
    /// This call, and every later one of the same tool in the same conversation.
    Conversation,
}

impl Scope {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Conversation => "conversation",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "once" => Some(Self::Once),
            "conversation" => Some(Self::Conversation),
            _ => None,
        }
    }
}

/// A tool that may be used in a conversation without asking again. Dies with the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    pub tool_name: String,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    pub approval_id: ApprovalId,
    pub user_id: UserId,
    pub conversation_id: ConversationId,
    pub run_id: RunId,
    pub call_id: CallId,
    pub tool_name: String,
    pub arguments: Value,
    /// Lower-case hex of `sha256(tool name, NUL, canonical JSON of the arguments)`.
    pub arguments_hash: String,
    pub decision: Option<Decision>,
    /// Of an approved one.
    pub scope: Option<Scope>,
    pub created_at: Timestamp,
    pub decided_at: Option<Timestamp>,
}
