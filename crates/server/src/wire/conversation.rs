//! Conversations on the wire.

use domain::Conversation;
use domain::conversation::ActiveRun;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::object;
use super::run::RunState;
use super::time::rfc3339;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ActiveRunResponse {
    #[schema(format = Uuid)]
    pub run_id: String,
    pub state: RunState,
}

impl From<ActiveRun> for ActiveRunResponse {
    fn from(ActiveRun { run_id, state }: ActiveRun) -> Self {
        Self {
            run_id: run_id.to_string(),
            state: state.into(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ConversationResponse {
    pub id: i64,
    #[schema(format = Uuid)]
    pub conversation_id: String,
    pub user_id: i64,
    /// The first user message.
    #[schema(required)]
    pub user_input: Option<String>,
    #[schema(required, value_type = Option<Object>)]
    pub focus_areas: Option<Value>,
    /// Model and tool calls of the agent so far.
    pub step_count: i64,
    #[schema(required, value_type = Option<Object>)]
    pub last_tool_result: Option<Value>,
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Moves with every message.
    #[schema(format = DateTime)]
    pub updated_at: String,
    pub message_count: i64,
    #[schema(required)]
    pub title: Option<String>,
    pub pinned: bool,
    pub archived: bool,
    pub tags: Vec<String>,
    /// `provider/model`; `null` means the default.
    #[schema(required)]
    pub model: Option<String>,
    #[schema(required)]
    pub agent_id: Option<String>,
    #[schema(required)]
    pub active_run: Option<ActiveRunResponse>,
}

impl From<Conversation> for ConversationResponse {
    fn from(conversation: Conversation) -> Self {
        Self {
            id: conversation.id,
            conversation_id: conversation.conversation_id.to_string(),
            user_id: conversation.user_id.0,
            user_input: conversation.user_input,
            focus_areas: object(conversation.focus_areas),
            step_count: conversation.step_count,
            last_tool_result: object(conversation.last_tool_result),
            created_at: rfc3339(conversation.created_at),
            updated_at: rfc3339(conversation.updated_at),
            message_count: conversation.message_count,
            title: conversation.title,
            pinned: conversation.pinned,
            archived: conversation.archived,
            tags: conversation.tags,
            model: conversation.model,
            agent_id: conversation.agent_id,
            active_run: conversation.active_run.map(Into::into),
        }
    }
}

/// Newest activity first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ConversationListResponse {
    pub conversations: Vec<ConversationResponse>,
    pub total: i64,
    pub page: i64,
    pub per_page: i64,
    /// For `?cursor=`; `null` at the end.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConversationCreate {
    /// 1..=200 characters.
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub model: Option<String>,
}

/// What is left out stays.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConversationChange {
    /// 1..=200 characters.
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub pinned: Option<bool>,
    #[serde(default)]
    pub archived: Option<bool>,
    /// At most 20, each 1..=50 characters.
    #[serde(default)]
    pub tags: Option<Vec<String>>,
    /// `null` means the default model.
    #[serde(default, deserialize_with = "super::present")]
    #[schema(value_type = Option<String>)]
    pub model: Option<Option<String>>,
}

/// The seed plan's answer to a deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeletedResponse {
    #[schema(example = "Conversation deleted successfully")]
    pub message: &'static str,
}
