//! The effect ledger: what is known about each tool call.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CallId, ConversationId, MessageId, RunId, Timestamp};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// Committed with the model step that asked for it: it has not left.
    Intended,
    /// Committed before the call leaves: it may have happened.
    Running,
    Succeeded,
    Failed,
    Denied,
    /// It may or may not have happened: never repeated without the user's word.
    Unknown,
}

impl CallState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "intended" => Self::Intended,
            "running" => Self::Running,
            "succeeded" => Self::Succeeded,
            "failed" => Self::Failed,
            "denied" => Self::Denied,
            "unknown" => Self::Unknown,
            _ => return None,
        })
    }

    #[must_use]
    pub fn is_settled(self) -> bool {
        !matches!(self, Self::Intended | Self::Running)
    }
}

/// What happens to a call that has an intent and no outcome after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolClass {
    /// Effect and result are one transaction: exactly once.
    Transactional,
    /// Executed again.
    ReadOnly,
    /// Executed again with the same key.
    Keyed,
    /// `unknown`.
    Effectful,
}

impl ToolClass {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transactional => "transactional",
            Self::ReadOnly => "read_only",
            Self::Keyed => "keyed",
            Self::Effectful => "effectful",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "transactional" => Self::Transactional,
            "read_only" => Self::ReadOnly,
            "keyed" => Self::Keyed,
            "effectful" => Self::Effectful,
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolPolicy {
    Allow,
    Ask,
    Deny,
}

/// A row of `tool_ledger`.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerEntry {
    pub call_id: CallId,
    pub run_id: RunId,
    /// Model step that asked for it; 0 where the user had an unknown one tried again.
    pub step: i64,
    /// The `tool_call` message.
    pub message_id: MessageId,
    pub tool_name: String,
    pub class: ToolClass,
    pub arguments: Value,
    pub state: CallState,
    pub result: Option<Value>,
    /// The idempotency key of keyed tools: the id of the first call, whatever was tried again since.
    pub key: CallId,
}

/// What a user says of a call whose outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallDecision {
    /// Make it once more, as a call of its own.
    Retry,
    /// It happened: the call has succeeded.
    Happened,
    /// It did not: the call has failed.
    DidNotHappen,
}

impl CallDecision {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Happened => "happened",
            Self::DidNotHappen => "did_not_happen",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "retry" => Some(Self::Retry),
            "happened" => Some(Self::Happened),
            "did_not_happen" => Some(Self::DidNotHappen),
            _ => None,
        }
    }
}

/// A ledger entry as its user sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub entry: LedgerEntry,
    pub conversation_id: ConversationId,
    /// Set once, where the outcome was unknown.
    pub decision: Option<CallDecision>,
    pub decided_at: Option<Timestamp>,
    /// The unknown call that this one tries again.
    pub retry_of: Option<CallId>,
    /// The call that tries this one again, and its run.
    pub retried_by: Option<(CallId, RunId)>,
    pub created_at: Timestamp,
    pub settled_at: Option<Timestamp>,
}
