//! Frames from the server, the same on WebSocket and SSE.

use domain::{ConversationId, Cursor, Delta};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::approval::ApprovalResponse;
use super::conversation::ConversationResponse;
use super::message::MessageResponse;
use super::mirror;
use super::problem::ProblemResponse;
use super::run::{RunErrorResponse, RunState, UsageResponse};
use super::todo::TodoResponse;

mirror! {
    DeltaChannel of domain::DeltaChannel { Text, Reasoning, ToolArguments }
}
mirror! {
    CallState of domain::CallState { Intended, Running, Succeeded, Failed, Denied, Unknown }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FrameType {
    Connection,
    Message,
    Delta,
    Typing,
    Run,
    Tool,
    Approval,
    Conversation,
    Todo,
    Ack,
    Reset,
    Error,
    Pong,
}

impl FrameType {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Message => "message",
            Self::Delta => "delta",
            Self::Typing => "typing",
            Self::Run => "run",
            Self::Tool => "tool",
            Self::Approval => "approval",
            Self::Conversation => "conversation",
            Self::Todo => "todo",
            Self::Ack => "ack",
            Self::Reset => "reset",
            Self::Error => "error",
            Self::Pong => "pong",
        }
    }
}

/// One frame. `data` is always an object; its shape depends on `type`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Frame {
    #[serde(rename = "type")]
    pub kind: FrameType,
    pub data: FrameData,
    #[schema(required, format = Uuid)]
    pub conversation_id: Option<String>,
    /// Only frames from the log have one: opaque, unique, good for `since` and `after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum FrameData {
    Connection(ConnectionData),
    Message(Box<MessageResponse>),
    MessageDeleted(MessageDeletedData),
    Delta(DeltaData),
    Typing(TypingData),
    Run(RunData),
    Tool(ToolData),
    Approval(Box<ApprovalResponse>),
    Conversation(Box<ConversationResponse>),
    ConversationDeleted(ConversationDeletedData),
    Todo(TodoResponse),
    TodoDeleted(TodoDeletedData),
    Ack(Box<AckData>),
    Position(PositionData),
    Error(Box<ProblemResponse>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionStatus {
    /// Frames follow, from `cursor` on.
    Ready,
    /// The access token expires within a minute: send an `auth` frame.
    AuthExpiring,
    /// The server is stopping: come back after `retry_after_ms`.
    Draining,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConnectionData {
    pub status: ConnectionStatus,
    pub cursor: String,
    pub epoch: i64,
    pub user_id: i64,
    pub version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeltaData {
    pub message_id: i64,
    pub revision: i64,
    /// UTF-8 bytes of this channel and revision before this text.
    pub offset: i64,
    pub channel: DeltaChannel,
    pub text: String,
}

impl From<Delta> for DeltaData {
    fn from(delta: Delta) -> Self {
        Self {
            message_id: delta.message_id.0,
            revision: delta.revision,
            offset: delta.offset,
            channel: delta.channel.into(),
            text: delta.text,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TypingState {
    Queued,
    Thinking,
    Tool,
    Writing,
    Idle,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TypingData {
    /// `assistant`, or `user`: somebody of this account on another device.
    pub role: &'static str,
    pub state: TypingState,
    /// The tool's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunData {
    #[schema(format = Uuid)]
    pub run_id: String,
    pub state: RunState,
    pub step: i64,
    #[schema(required)]
    pub message_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageResponse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<RunErrorResponse>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ToolData {
    #[schema(format = Uuid)]
    pub call_id: String,
    /// The `tool_call` message.
    pub message_id: i64,
    #[schema(required, format = Uuid)]
    pub run_id: Option<String>,
    pub name: String,
    pub state: CallState,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConversationDeletedData {
    #[schema(format = Uuid)]
    pub conversation_id: String,
    /// Always `true`.
    pub deleted: bool,
}

/// A message that waited in the queue was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MessageDeletedData {
    pub id: i64,
    /// Always `true`.
    pub deleted: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TodoDeletedData {
    pub id: i64,
    /// Always `true`.
    pub deleted: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AckData {
    pub client_message_id: String,
    pub message: MessageResponse,
    #[schema(format = Uuid)]
    pub conversation_id: String,
    #[schema(format = Uuid)]
    pub run_id: String,
}

/// Of `pong` and `reset`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PositionData {
    pub cursor: String,
}

impl Frame {
    /// A frame that is not from the log.
    #[must_use]
    pub fn new(kind: FrameType, data: FrameData, conversation: Option<ConversationId>) -> Self {
        Self {
            kind,
            data,
            conversation_id: conversation.map(|id| id.to_string()),
            cursor: None,
        }
    }

    #[must_use]
    pub fn at(mut self, cursor: Cursor) -> Self {
        self.cursor = Some(cursor.to_string());
        self
    }

    #[must_use]
    pub fn message(message: domain::Message) -> Self {
        let conversation = message.conversation_id;
        let data = FrameData::Message(Box::new(message.into()));
        Self::new(FrameType::Message, data, Some(conversation))
    }

    #[must_use]
    pub fn run(run: domain::Run) -> Self {
        let data = RunData {
            run_id: run.run_id.to_string(),
            state: run.state.into(),
            step: run.step,
            message_id: Some(run.ai_message_id.0),
            usage: Some(run.usage.into()),
            error: run.error.map(Into::into),
        };
        Self::new(
            FrameType::Run,
            FrameData::Run(data),
            Some(run.conversation_id),
        )
    }

    #[must_use]
    pub fn reset(cursor: Cursor) -> Self {
        let data = FrameData::Position(PositionData {
            cursor: cursor.to_string(),
        });
        Self::new(FrameType::Reset, data, None)
    }

    #[must_use]
    pub fn pong(cursor: Cursor) -> Self {
        let data = FrameData::Position(PositionData {
            cursor: cursor.to_string(),
        });
        Self::new(FrameType::Pong, data, None)
    }

    #[must_use]
    pub fn typing(
        conversation: Option<ConversationId>,
        role: &'static str,
        state: TypingState,
        detail: Option<String>,
    ) -> Self {
        let data = FrameData::Typing(TypingData {
            role,
            state,
            detail,
        });
        Self::new(FrameType::Typing, data, conversation)
    }

    #[must_use]
    pub fn error(problem: &crate::Problem, request_id: &str) -> Self {
        let data = FrameData::Error(Box::new(problem.document(request_id)));
        Self::new(FrameType::Error, data, None)
    }

    /// JSON text. A frame always serialises: its maps have text keys.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| {
            tracing::error!(%error, "a frame could not be written");
            let empty: Value = json!({ "type": "error", "data": {}, "conversation_id": null });
            empty.to_string()
        })
    }

    /// The length of its [`Frame::text`].
    #[must_use]
    pub fn bytes(&self) -> usize {
        let mut length = Length(0);
        // Counting doesn't fail.
        let _ = serde_json::to_writer(&mut length, self);
        length.0
    }
}

/// Counts what is written.
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use domain::{MessageId, RunId};
    use uuid::Uuid;

    use super::*;

    fn value(frame: &Frame) -> Value {
        serde_json::from_str(&frame.text()).unwrap()
    }

    #[test]
    fn a_frame_of_the_log_has_its_cursor_outside() {
        let id = ConversationId(Uuid::from_u128(1));
        let delta = Delta {
            message_id: MessageId(5),
            revision: 2,
            channel: domain::DeltaChannel::ToolArguments,
            offset: 7,
            text: "é".to_owned(),
        };
        let frame = Frame::new(FrameType::Delta, FrameData::Delta(delta.into()), Some(id))
            .at(Cursor { epoch: 1, seq: 255 });
        assert_eq!(
            value(&frame),
            json!({
                "type": "delta",
                "conversation_id": "00000000-0000-0000-0000-000000000001",
                "cursor": "1-ff",
                "data": {
                    "message_id": 5, "revision": 2, "channel": "tool_arguments", "offset": 7,
                    "text": "é",
                },
            })
        );
    }

    #[test]
    fn other_frames_have_none() {
        let cursor = Cursor { epoch: 1, seq: 16 };
        assert_eq!(
            value(&Frame::reset(cursor)),
            json!({ "type": "reset", "data": { "cursor": "1-10" }, "conversation_id": null })
        );
        assert_eq!(
            value(&Frame::typing(
                None,
                "assistant",
                TypingState::Tool,
                Some("clock".to_owned())
            )),
            json!({
                "type": "typing",
                "data": { "role": "assistant", "state": "tool", "detail": "clock" },
                "conversation_id": null,
            })
        );
        let error = value(&Frame::error(&crate::Problem::not_found(), "r"));
        assert_eq!(
            (&error["type"], &error["data"]["status"]),
            (&json!("error"), &json!(404))
        );
    }

    #[test]
    fn a_run_says_how_it_ended() {
        let data = RunData {
            run_id: RunId(Uuid::nil()).to_string(),
            state: domain::RunState::AwaitingApproval.into(),
            step: 3,
            message_id: None,
            usage: None,
            error: None,
        };
        let frame = Frame::new(FrameType::Run, FrameData::Run(data), None);
        assert_eq!(
            value(&frame)["data"],
            json!({
                "run_id": Uuid::nil().to_string(), "state": "awaiting_approval", "step": 3,
                "message_id": null,
            })
        );
    }
}
