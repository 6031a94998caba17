//! Tool calls of unknown outcome on the wire.

use agent::ports::Toolbox;
use domain::Call;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::approval::target;
use super::frame::CallState;
use super::mirror;
use super::model::ToolClass;
use super::time::rfc3339;

mirror! {
    /// What the user says of a call whose outcome is unknown: `retry` makes it once more,
    /// `happened` and `did_not_happen` become its outcome.
    CallDecision of domain::CallDecision { Retry, Happened, DidNotHappen }
}

impl From<CallDecision> for domain::CallDecision {
    fn from(decision: CallDecision) -> Self {
        match decision {
            CallDecision::Retry => Self::Retry,
            CallDecision::Happened => Self::Happened,
            CallDecision::DidNotHappen => Self::DidNotHappen,
        }
    }
}

/// One tool call, as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CallResponse {
    #[schema(format = Uuid)]
    pub call_id: String,
    #[schema(format = Uuid)]
    pub conversation_id: String,
    #[schema(format = Uuid)]
    pub run_id: String,
    /// The `tool_call` message.
    pub message_id: i64,
    pub tool_name: String,
    pub class: ToolClass,
    #[schema(value_type = Object)]
    pub arguments: Value,
    /// Where the call goes; `null` where it stays inside the server.
    #[schema(required)]
    pub target: Option<String>,
    pub state: CallState,
    /// What the model is told; `null` before the outcome.
    #[schema(required, value_type = Option<Value>)]
    pub result: Option<Value>,
    #[schema(required)]
    pub decision: Option<CallDecision>,
    /// The unknown call that this one tries again.
    #[schema(required, format = Uuid)]
    pub retry_of: Option<String>,
    #[schema(required)]
    pub retried_by: Option<RetryResponse>,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(required, format = DateTime)]
    pub settled_at: Option<String>,
    #[schema(required, format = DateTime)]
    pub decided_at: Option<String>,
}

/// The call that was made again, and the run that makes it and answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RetryResponse {
    #[schema(format = Uuid)]
    pub call_id: String,
    #[schema(format = Uuid)]
    pub run_id: String,
}

impl CallResponse {
    /// With what the tools of this server say of the call.
    #[must_use]
    pub fn new(call: Call, tools: &Toolbox) -> Self {
        let entry = call.entry;
        Self {
            target: target(tools, &entry.tool_name, &entry.arguments),
            call_id: entry.call_id.to_string(),
            conversation_id: call.conversation_id.to_string(),
            run_id: entry.run_id.to_string(),
            message_id: entry.message_id.0,
            tool_name: entry.tool_name,
            class: entry.class.into(),
            arguments: entry.arguments,
            state: entry.state.into(),
            result: entry.result,
            decision: call.decision.map(Into::into),
            retry_of: call.retry_of.map(|id| id.to_string()),
            retried_by: call.retried_by.map(|(call_id, run_id)| RetryResponse {
                call_id: call_id.to_string(),
                run_id: run_id.to_string(),
            }),
            created_at: rfc3339(call.created_at),
            settled_at: call.settled_at.map(rfc3339),
            decided_at: call.decided_at.map(rfc3339),
        }
    }
}

/// Undecided ones, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CallsResponse {
    pub calls: Vec<CallResponse>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallDecide {
    pub decision: CallDecision,
}
