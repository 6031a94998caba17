//! Approvals on the wire.

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
    /// To be sent back with the decision: what was shown is what is approved.
    pub arguments_hash: String,
    #[schema(required)]
    pub decision: Option<Decision>,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(required, format = DateTime)]
    pub decided_at: Option<String>,
}

impl From<Approval> for ApprovalResponse {
    fn from(approval: Approval) -> Self {
        Self {
            approval_id: approval.approval_id.to_string(),
            conversation_id: approval.conversation_id.to_string(),
            run_id: approval.run_id.to_string(),
            call_id: approval.call_id.to_string(),
            tool_name: approval.tool_name,
            arguments: approval.arguments,
            arguments_hash: approval.arguments_hash,
            decision: approval.decision.map(Into::into),
            created_at: rfc3339(approval.created_at),
            decided_at: approval.decided_at.map(rfc3339),
        }
    }
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
}
