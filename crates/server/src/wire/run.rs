//! Runs on the wire.

use domain::{Run, RunError, Usage};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::mirror;
use super::time::rfc3339;

mirror! {
    RunState of domain::RunState {
        Queued, Running, AwaitingApproval, Completed, Failed, Cancelled,
    }
}

/// Tokens as the provider counted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct UsageResponse {
    pub prompt_tokens: i64,
    pub completion_tokens: i64,
}

impl From<Usage> for UsageResponse {
    fn from(
        Usage {
            prompt_tokens,
            completion_tokens,
        }: Usage,
    ) -> Self {
        Self {
            prompt_tokens,
            completion_tokens,
        }
    }
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunErrorResponse {
    pub code: String,
    pub detail: String,
    /// Asking again can help.
    pub retryable: bool,
}

impl From<RunError> for RunErrorResponse {
    fn from(
        RunError {
            code,
            detail,
            retryable,
        }: RunError,
    ) -> Self {
        Self {
            code,
            detail,
            retryable,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunResponse {
    #[schema(format = Uuid)]
    pub run_id: String,
    #[schema(format = Uuid)]
    pub conversation_id: String,
    pub user_message_id: i64,
    pub ai_message_id: i64,
    pub state: RunState,
    /// Model and tool calls so far; that of the last answer counts once the run has ended.
    pub step: i64,
    /// `provider/model`; stays the same until the run's end. `null` until the first model call where
    /// neither the message nor its conversation named one.
    #[schema(required)]
    pub model: Option<String>,
    /// Stop was asked for.
    pub cancel_requested: bool,
    pub usage: UsageResponse,
    #[schema(required)]
    pub error: Option<RunErrorResponse>,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(required, format = DateTime)]
    pub started_at: Option<String>,
    #[schema(required, format = DateTime)]
    pub finished_at: Option<String>,
}

impl From<Run> for RunResponse {
    fn from(run: Run) -> Self {
        Self {
            run_id: run.run_id.to_string(),
            conversation_id: run.conversation_id.to_string(),
            user_message_id: run.user_message_id.0,
            ai_message_id: run.ai_message_id.0,
            state: run.state.into(),
            step: run.step,
            model: run.model,
            cancel_requested: run.cancel_requested,
            usage: run.usage.into(),
            error: run.error.map(Into::into),
            created_at: rfc3339(run.created_at),
            started_at: run.started_at.map(rfc3339),
            finished_at: run.finished_at.map(rfc3339),
        }
    }
}

#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegenerateRequest {
    /// Another model for this answer.
    #[serde(default)]
    pub model: Option<String>,
}
