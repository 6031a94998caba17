//! What may happen to a run.

use domain::store::OpenAnswer;
use domain::{ApprovalId, CallId, FinishReason, ToolCall, Usage};

use crate::ports::{ModelChunk, ModelError};

#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The message to write to is there ([`super::Effect::BeginAnswer`]).
    Answer(OpenAnswer),
    Chunk {
        call: u64,
        chunk: ModelChunk,
    },
    End {
        call: u64,
        calls: Vec<NewCall>,
        finish: FinishReason,
        usage: Usage,
    },
    ModelFailed {
        call: u64,
        error: ModelError,
    },
    /// A wait is over.
    Timer {
        call: u64,
    },
    /// The model step is committed.
    Recorded,
    /// The outcome of a call is committed.
    Outcome {
        call_id: CallId,
    },
    /// The run was parked; whoever claims it next is another machine.
    Parked,
    /// The user's stop.
    Cancel,
    /// The wall time of the run is over.
    OutOfTime,
}

/// A call as the driver made it ready: ids are its business, randomness stays out of the machine.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCall {
    pub call: ToolCall,
    /// Used when the policy asks.
    pub approval_id: ApprovalId,
    /// Why the call can't be made at all (arguments that are not JSON).
    pub defect: Option<String>,
}
