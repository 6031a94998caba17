//! Calls whose outcome is unknown, and tools that need no more asking in a conversation.

use async_trait::async_trait;

use crate::{
    Call, CallDecision, CallId, ConversationId, Permission, RunId, StoreResult, Timestamp, UserId,
};

/// Ids for a call that is tried again; not used by other decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewRetry {
    pub run_id: RunId,
    pub call_id: CallId,
}

#[async_trait]
pub trait CallStore {
    /// Those of the user whose outcome is unknown and undecided: the newest `limit`, newest first.
    async fn unknown_calls(&self, user_id: UserId, limit: i64) -> StoreResult<Vec<Call>>;
    async fn call(&self, user_id: UserId, id: CallId) -> StoreResult<Call>;
    /// Decides an unknown call, once. `Happened` and `DidNotHappen` become its outcome, in ledger,
    /// message and feed; what was said before stays readable as a revision of the `tool_result`.
    /// `Retry` leaves it unknown and records the same call once more at the head of the active
    /// branch (`intended`), with a run (`queued`) that makes it and answers. Conflicts:
    /// `call_not_unknown`, `already_decided`; `RunActive` for `Retry`. Events: `message`s, `tool`s,
    /// `conversation`, and `run` for `Retry`.
    async fn decide_call(
        &self,
        user_id: UserId,
        id: CallId,
        decision: CallDecision,
        retry: NewRetry,
        now: Timestamp,
    ) -> StoreResult<Call>;
}

#[async_trait]
pub trait PermissionStore {
    /// Of a conversation, by tool name. Given by [`super::ApprovalStore::decide`].
    async fn permissions(
        &self,
        user_id: UserId,
        id: ConversationId,
    ) -> StoreResult<Vec<Permission>>;
    /// Calls that are recorded from then on are asked for again. `NotFound` where there is none.
    /// Event: `conversation`.
    async fn revoke_permission(
        &self,
        user_id: UserId,
        id: ConversationId,
        tool_name: &str,
        now: Timestamp,
    ) -> StoreResult<()>;
}
