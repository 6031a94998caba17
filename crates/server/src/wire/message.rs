//! Messages on the wire.

use domain::{Message, Offsets};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::time::rfc3339;
use super::{mirror, object};

mirror! {
    MessageRole of domain::Role { User, Assistant, Tool, System }
}
mirror! {
    MessageType of domain::MessageType {
        UserInput, AssistantResponse, ToolCall, ToolResult, SystemMessage,
    }
}
mirror! {
    MessageStatus of domain::MessageStatus {
        Queued, Streaming, AwaitingApproval, Complete, Interrupted, Cancelled, Failed,
    }
}
mirror! {
    /// Text, as in the plan that this product grew from.
    ToolSuccess of domain::ToolSuccess { True, False, Unknown }
}

/// UTF-8 bytes per channel that the message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct OffsetsResponse {
    pub text: i64,
    pub reasoning: i64,
    pub tool_arguments: i64,
}

impl From<Offsets> for OffsetsResponse {
    fn from(
        Offsets {
            text,
            reasoning,
            tool_arguments,
        }: Offsets,
    ) -> Self {
        Self {
            text,
            reasoning,
            tool_arguments,
        }
    }
}

/// A message with its text so far.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MessageResponse {
    pub id: i64,
    #[schema(format = Uuid)]
    pub conversation_id: String,
    pub role: MessageRole,
    /// `""` when there is none.
    pub content: String,
    pub message_type: MessageType,
    #[schema(required)]
    pub tool_name: Option<String>,
    #[schema(required)]
    pub tool_success: Option<ToolSuccess>,
    #[schema(format = DateTime)]
    pub timestamp: String,
    /// `model`, `built_in`, `error {code, detail, retryable}`, `usage`, `resumed`, `reasoning`,
    /// `context` (answers); `call_id`, `arguments`, `state` (tool calls); `call_id`, `result` (tool
    /// results).
    #[schema(required, value_type = Option<Object>)]
    pub additional_data: Option<Value>,
    #[schema(required)]
    pub client_message_id: Option<String>,
    /// `null` at the root, and while the message waits in the queue (unless its sender named one).
    #[schema(required)]
    pub parent_id: Option<i64>,
    #[schema(required, format = Uuid)]
    pub run_id: Option<String>,
    /// Of a user's message: `complete`; `queued` while its run waits behind another; `cancelled`
    /// when that run was stopped before its turn.
    pub status: MessageStatus,
    /// Messages with the same parent in the same role, itself included, oldest first.
    pub siblings: Vec<i64>,
    /// From 1; grows when the text starts again, which replaces it.
    pub revision: i64,
    pub offsets: OffsetsResponse,
}

impl From<Message> for MessageResponse {
    fn from(message: Message) -> Self {
        Self {
            id: message.id.0,
            conversation_id: message.conversation_id.to_string(),
            role: message.role.into(),
            content: message.content,
            message_type: message.message_type.into(),
            tool_name: message.tool_name,
            tool_success: message.tool_success.map(Into::into),
            timestamp: rfc3339(message.timestamp),
            additional_data: object(message.additional_data),
            client_message_id: message.client_message_id,
            parent_id: message.parent_id.map(|id| id.0),
            run_id: message.run_id.map(|id| id.to_string()),
            status: message.status.into(),
            siblings: message.siblings.into_iter().map(|id| id.0).collect(),
            revision: message.revision,
            offsets: message.offsets.into(),
        }
    }
}

/// Another text for a message that waits in the queue.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageChange {
    /// 1..=10000 characters (Unicode code points), not only white space.
    #[schema(min_length = 1, max_length = 10000)]
    pub content: String,
}

/// Superseded text of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RevisionResponse {
    pub revision: i64,
    pub content: String,
    #[schema(format = DateTime)]
    pub superseded_at: String,
}

impl From<domain::message::Revision> for RevisionResponse {
    fn from(revision: domain::message::Revision) -> Self {
        Self {
            revision: revision.revision,
            content: revision.content,
            superseded_at: rfc3339(revision.superseded_at),
        }
    }
}

/// Oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RevisionsResponse {
    pub revisions: Vec<RevisionResponse>,
}
