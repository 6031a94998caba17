//! Steps: what has happened in a run. A recorded step is never executed again.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CallId, MessageId, Usage};

/// A tool call as a model asked for it, with our id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    pub call_id: CallId,
    /// The id that the provider gave, echoed back to it; ours where it gave none.
    pub provider_id: String,
    pub name: String,
    pub arguments: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    Stop,
    ToolCalls,
    /// The output limit cut the text; a tool call cut this way is never executed.
    Length,
    ContentFilter,
}

/// One recorded step, `index` from 1 within its run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub index: i64,
    pub kind: StepKind,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StepKind {
    /// A model call that ended with tool calls (one that ends the run is recorded by its end).
    ModelCall {
        message_id: MessageId,
        text: String,
        tool_calls: Vec<ToolCall>,
        finish: FinishReason,
        usage: Usage,
    },
    /// A tool call with its outcome.
    ToolCall {
        call_id: CallId,
        outcome: ToolOutcome,
    },
}

/// How a tool call ended, as the model and the user see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolOutcome {
    pub state: crate::CallState,
    /// Result, or `{"error": "…"}` where there is none.
    pub result: Value,
}

impl ToolOutcome {
    #[must_use]
    pub fn failed(detail: &str) -> Self {
        Self::without_result(crate::CallState::Failed, detail)
    }

    /// `detail` may quote what a service said: NUL in it can't be stored on every database.
    #[must_use]
    pub fn without_result(state: crate::CallState, detail: &str) -> Self {
        Self {
            state,
            result: serde_json::json!({ "error": detail.replace('\0', "\u{fffd}") }),
        }
    }
}
