//! Approvals on the wire.

use agent::ports::Toolbox;
use domain::Approval;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::mirror;
use super::time::rfc3339;

mirror! {
    Decision of domain::Decision { Approve, Deny }
}

impl From<Decision> for domain::Decision {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Approve => Self::Approve,
            Decision::Deny => Self::Deny,
        }
    }
}

mirror! {
    /// `conversation`: later calls of this tool in this conversation are not asked for.
    Scope of domain::Scope { Once, Conversation }
}

impl From<Scope> for domain::Scope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Once => Self::Once,
            Scope::Conversation => Self::Conversation,
        }
    }
}

/// A tool call that waits for its user's word.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ApprovalResponse {
    #[schema(format = Uuid)]
    pub approval_id: String,
    #[schema(format = Uuid)]
    pub conversation_id: String,
    #[schema(format = Uuid)]
    pub run_id: String,
    #[schema(format = Uuid)]
    pub call_id: String,
    pub tool_name: String,
    #[schema(value_type = Object)]
    pub arguments: Value,
    /// Where the call goes (method and address without its query); `null` where it stays inside the
    /// server.
    #[schema(required)]
    pub target: Option<String>,
    /// To be sent back with the decision: what was shown is what is approved.
    pub arguments_hash: String,
    #[schema(required)]
    pub decision: Option<Decision>,
    /// Of an approved call.
    #[schema(required)]
    pub scope: Option<Scope>,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(required, format = DateTime)]
    pub decided_at: Option<String>,
}

impl ApprovalResponse {
    /// With what the tools of this server say of the call.
    #[must_use]
    pub fn new(approval: Approval, tools: &Toolbox) -> Self {
        Self {
            target: target(tools, &approval.tool_name, &approval.arguments),
            approval_id: approval.approval_id.to_string(),
            conversation_id: approval.conversation_id.to_string(),
            run_id: approval.run_id.to_string(),
            call_id: approval.call_id.to_string(),
            tool_name: approval.tool_name,
            arguments: approval.arguments,
            arguments_hash: approval.arguments_hash,
            decision: approval.decision.map(Into::into),
            scope: approval.scope.map(Into::into),
            created_at: rfc3339(approval.created_at),
            decided_at: approval.decided_at.map(rfc3339),
        }
    }
}

/// Where a call goes, as its tool says.
pub(super) fn target(tools: &Toolbox, name: &str, arguments: &Value) -> Option<String> {
    tools.get(name)?.target(arguments)
}

/// Undecided ones, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ApprovalsResponse {
    pub approvals: Vec<ApprovalResponse>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalDecision {
    pub decision: Decision,
    pub arguments_hash: String,
    #[serde(default)]
    pub scope: Option<Scope>,
}
