//! Why a run failed, for users: a stable code, one sentence that says what to do, and whether
//! asking again can help.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// Stable: `model_unreachable`, `model_auth`, `model_rate_limited`, `model_refused`,
    /// `model_protocol`, `model_stalled`, `model_interrupted`, `model_not_configured`,
    /// `context_too_long`, `limit_reached`, `too_many_restarts`, `restored`,
    /// `internal`.
    pub code: String,
    pub detail: String,
    pub retryable: bool,
}
