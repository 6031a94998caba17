//! Runs: one turn of the agent, from a user's message to a final answer.

use serde::{Deserialize, Serialize};

use crate::{ConversationId, MessageId, NodeId, RunError, RunId, Timestamp, UserId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Queued,
    Running,
    AwaitingApproval,
    Completed,
    Failed,
    Cancelled,
}

impl RunState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "queued" => Self::Queued,
            "running" => Self::Running,
            "awaiting_approval" => Self::AwaitingApproval,
            "completed" => Self::Completed,
            "failed" => Self::Failed,
            "cancelled" => Self::Cancelled,
            _ => return None,
        })
    }

    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// What becomes of a message whose conversation has an active run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum OnBusy {
    /// It is refused.
    #[default]
    Reject,
    /// Its run waits behind those that are there.
    Enqueue,
    /// As `Enqueue`, and the active run ends now: `cancelled`, its message `interrupted`.
    Interrupt,
}

/// Tokens as the provider counted them; zero where it said nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub prompt_tokens: i64,
    pub completion_tokens: i64,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.prompt_tokens = self.prompt_tokens.saturating_add(other.prompt_tokens);
        self.completion_tokens = self
            .completion_tokens
            .saturating_add(other.completion_tokens);
    }
}

/// The right to write to a run. Every claim raises `fence`; a write with an older one finds no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fence {
    pub run_id: RunId,
    pub fence: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub run_id: RunId,
    pub user_id: UserId,
    pub conversation_id: ConversationId,
    /// The message that is answered.
    pub user_message_id: MessageId,
    /// The newest `assistant_response` of this run: one per model call.
    pub ai_message_id: MessageId,
    pub state: RunState,
    /// Behind another run of its conversation: `queued`, its message outside the tree, nobody
    /// claims it. The end of the run before it takes it out of the queue.
    pub waiting: bool,
    pub fence: i64,
    pub node_id: Option<NodeId>,
    /// Unclean take-overs since the last recorded step.
    pub attempts: i64,
    /// Model and tool calls so far; that of the last answer counts once the run has ended.
    pub step: i64,
    /// `provider/model` as asked; `None` means the default at the time of the call.
    pub model: Option<String>,
    pub agent_id: Option<String>,
    /// IANA name of the browser's zone, for the time tool.
    pub time_zone: Option<String>,
    pub cancel_requested: bool,
    pub usage: Usage,
    pub error: Option<RunError>,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
}
