//! What a machine wants done, in order.

use domain::step::ToolOutcome;
use domain::store::PlannedCall;
use domain::{CallId, DeltaChannel, FinishReason, MessageStatus, RunError, RunState, Usage};

#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Have the message to write to; answered by `Input::Answer`.
    BeginAnswer,
    /// The stored text becomes a superseded revision; the answer starts again.
    RestartAnswer,
    CallModel {
        call: u64,
        tools: bool,
        prefill: Option<String>,
    },
    /// Drop the model call in flight.
    CancelModel,
    Append {
        channel: DeltaChannel,
        text: String,
    },
    /// Wait, then `Input::Timer`.
    Wait {
        call: u64,
        millis: u64,
    },
    /// Commit the model step; answered by `Input::Recorded`, or by a restored machine where some of
    /// its calls ask: which of them a permission lets through only the records know.
    RecordModelStep {
        text: String,
        reasoning: String,
        calls: Vec<PlannedCall>,
        finish: FinishReason,
        usage: Usage,
        resumed: bool,
    },
    /// Make the call and commit its outcome; answered by `Input::Outcome`, or dropped where a stop, a
    /// hand-back or the end of the time has come: its own input follows then.
    Execute {
        call_id: CallId,
    },
    /// Commit an outcome without making the call; answered by `Input::Outcome`.
    Settle {
        call_id: CallId,
        outcome: ToolOutcome,
    },
    /// Drop the call if it is running and commit what can be said of it. Not answered.
    Abandon {
        call_id: CallId,
        why: String,
    },
    /// Park the run until the user decides; `Input::Parked`, or a restored machine where the
    /// decision was faster.
    Park,
    /// The one end of the run.
    Finish(Ending),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    pub state: RunState,
    pub message_status: MessageStatus,
    pub text: String,
    pub reasoning: String,
    pub usage: Usage,
    pub error: Option<RunError>,
    /// The limit of the run that was reached.
    pub limit: Option<&'static str>,
    pub finish: Option<FinishReason>,
    pub resumed: bool,
}
