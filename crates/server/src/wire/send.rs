//! Sending on the wire.

use domain::store::Sent;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::message::MessageResponse;

/// What becomes of the message while its conversation has an active run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBusy {
    /// 409.
    #[default]
    Reject,
    /// It waits behind those that are there, first in first out.
    Enqueue,
    /// As `enqueue`, and the active run ends now: `cancelled`, its message `interrupted`.
    Interrupt,
}

impl From<OnBusy> for domain::OnBusy {
    fn from(value: OnBusy) -> Self {
        match value {
            OnBusy::Reject => Self::Reject,
            OnBusy::Enqueue => Self::Enqueue,
            OnBusy::Interrupt => Self::Interrupt,
        }
    }
}

/// A user's message. Unknown members are ignored.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct MessageCreate {
    /// 1..=10000 characters (Unicode code points), not only white space.
    #[schema(min_length = 1, max_length = 10000)]
    pub content: String,
    /// Left out: a new conversation.
    #[serde(default)]
    #[schema(format = Uuid)]
    pub conversation_id: Option<String>,
    /// Makes the send safe to repeat.
    #[serde(default)]
    #[schema(format = Uuid)]
    pub client_message_id: Option<String>,
    /// Left out: the end of the active branch.
    #[serde(default, deserialize_with = "super::whole::optional")]
    pub parent_id: Option<i64>,
    /// `provider/model`; left out: the conversation's.
    #[serde(default)]
    pub model: Option<String>,
    /// Not yet available: must be left out or `null`.
    #[serde(default)]
    pub agent_id: Option<String>,
    /// Left out: `reject`, a 409 with `run_active` or `run_awaiting_approval`. At most 20 messages
    /// of a conversation wait; one more is a 409 with `queue_full`.
    #[serde(default)]
    pub on_busy: Option<OnBusy>,
    /// IANA name of the browser's zone, for the time tool.
    #[serde(default)]
    #[schema(example = "Europe/Vienna")]
    pub time_zone: Option<String>,
}

/// The message and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SendResponse {
    pub user_message: MessageResponse,
    pub ai_message: MessageResponse,
    #[schema(format = Uuid)]
    pub conversation_id: String,
    #[schema(format = Uuid)]
    pub run_id: String,
}

impl From<Sent> for SendResponse {
    fn from(sent: Sent) -> Self {
        Self {
            conversation_id: sent.run.conversation_id.to_string(),
            run_id: sent.run.run_id.to_string(),
            user_message: sent.user_message.into(),
            ai_message: sent.ai_message.into(),
        }
    }
}

/// The message is stored; its answer comes over the feed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SendAccepted {
    pub user_message: MessageResponse,
    #[schema(format = Uuid)]
    pub conversation_id: String,
    #[schema(format = Uuid)]
    pub run_id: String,
}

impl From<Sent> for SendAccepted {
    fn from(sent: Sent) -> Self {
        Self {
            conversation_id: sent.run.conversation_id.to_string(),
            run_id: sent.run.run_id.to_string(),
            user_message: sent.user_message.into(),
        }
    }
}

/// Another answer is being made.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RegenerateAccepted {
    #[schema(format = Uuid)]
    pub run_id: String,
    #[schema(format = Uuid)]
    pub conversation_id: String,
    pub user_message: MessageResponse,
    pub ai_message: MessageResponse,
}

impl From<Sent> for RegenerateAccepted {
    fn from(sent: Sent) -> Self {
        Self {
            run_id: sent.run.run_id.to_string(),
            conversation_id: sent.run.conversation_id.to_string(),
            user_message: sent.user_message.into(),
            ai_message: sent.ai_message.into(),
        }
    }
}
