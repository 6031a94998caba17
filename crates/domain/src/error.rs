//! What a store may answer instead of a result. Knows nothing of HTTP.

use crate::{MessageId, RunId, RunState};

pub type StoreResult<T> = Result<T, StoreError>;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Unknown, deleted or somebody else's: the caller can't tell which.
    #[error("not found")]
    NotFound,
    /// The conversation already has an active run.
    #[error("run {run_id} of this conversation is still {}", state.as_str())]
    RunActive {
        run_id: RunId,
        state: RunState,
        head: Option<MessageId>,
    },
    /// The idempotency key was used with another body.
    #[error("this key was already used for a different request")]
    KeyReused,
    /// The idempotency key belongs to something that was deleted since.
    #[error("what this key made was deleted")]
    Gone,
    /// A rule refuses the change, such as removing the last admin or a taken e-mail address.
    #[error("{detail}")]
    Conflict { code: &'static str, detail: String },
    /// Somebody else owns the run now (or it was deleted): stop at once, write nothing more.
    #[error("the run belongs to somebody else now")]
    FenceLost,
    /// The user's stop of the run was recorded first: nothing was written, and nothing may begin.
    #[error("the run was stopped by its user")]
    Stopped,
    /// Known to have been rolled back: nothing was written. `ENOSPC`, a read-only node.
    #[error("the store can't be written now: {0}")]
    NotWritable(String),
    /// The outcome of a commit is unknown (I/O error, lost connection). Repeat with the same key.
    #[error("the outcome of a write is unknown: {0}")]
    Unknown(String),
    /// Anything else: a defect or a damaged database. The text is for the operator's log only.
    #[error("store: {0}")]
    Internal(String),
}

impl StoreError {
    #[must_use]
    pub fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal(error.to_string())
    }
}
