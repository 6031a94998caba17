//! The turn as a pure machine: `step(state, input) -> effects`. No async, no clock, no I/O.
//!
//! What has happened is in the records of the store; the machine adds what is going on. A machine
//! restored from the records of a run goes on where they end: that is all that recovery is.
//!
//! Invariants, held under any order of inputs (see the property tests):
//! - exactly one [`Effect::Finish`], and nothing after it;
//! - a call that was recorded gets an outcome before the next model call and before the end;
//! - an answer that was recorded is not asked for again;
//! - a call that may change something is made alone, in the order asked; calls that only read and
//!   stand side by side are made side by side;
//! - inputs that belong to an earlier model call or to a settled tool call change nothing.

mod effect;
mod ends;
mod input;
mod restore;
#[cfg(test)]
mod tests;
mod tools;

use std::collections::BTreeMap;
use std::time::Duration;

pub use effect::{Effect, Ending};
use ends::empty_answer;
pub use input::{Input, NewCall};

use domain::store::OpenAnswer;
use domain::{CallId, DeltaChannel, FinishReason, RunError, ToolClass, ToolPolicy, Usage, limits};

use crate::ports::{ModelChunk, ModelError};

/// What bounds one run. See [`domain::limits`] for the defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Model calls.
    pub steps: i64,
    /// Tool calls of one model call.
    pub calls_per_step: usize,
    /// Prompt and completion tokens together.
    pub tokens: i64,
    /// UTF-8 bytes of one answer.
    pub answer_bytes: usize,
    /// Retries of one model call before its first token.
    pub retries: u32,
    /// Wall time while a node drives it, and [`limits::LAST_CALL_MS`] for a last model call. Kept by
    /// the driver, like the two below.
    pub wall: Duration,
    /// A model may be silent so long before its first chunk.
    pub first_chunk: Duration,
    /// A model may be silent so long between chunks.
    pub next_chunk: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps: limits::RUN_STEPS,
            calls_per_step: limits::CALLS_PER_STEP,
            tokens: limits::RUN_TOKENS,
            answer_bytes: limits::ANSWER_BYTES,
            retries: limits::MODEL_RETRIES,
            wall: Duration::from_millis(limits::RUN_WALL_MS),
            first_chunk: Duration::from_millis(limits::MODEL_FIRST_CHUNK_MS),
            next_chunk: Duration::from_millis(limits::MODEL_NEXT_CHUNK_MS),
        }
    }
}

/// What the machine knows of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolTraits {
    pub class: ToolClass,
    pub policy: ToolPolicy,
}

/// What does not change during a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    pub limits: Limits,
    /// The model can go on from a partial answer.
    pub prefill: bool,
    /// The run's time was over before these records were read: the model is asked once more, without
    /// tools, and what is open of those is not begun.
    pub out_of_time: bool,
    pub tools: BTreeMap<String, ToolTraits>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    settings: Settings,
    phase: Phase,
    /// Model calls recorded.
    model_calls: i64,
    usage: Usage,
    /// Number of the model call in flight; answers of earlier ones are dropped by it.
    call: u64,
    retries: u32,
    answer: Answer,
    /// Calls of the last model step that have no outcome yet, in the order asked.
    open: Vec<OpenCall>,
    /// The next model call is the last and gets no tools: why.
    last_call: Option<&'static str>,
    /// The run was taken over from a node that died in the middle of an answer.
    resumed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Waits for the message to write to.
    Preparing,
    /// A model call is in flight.
    Calling,
    /// Waits to try the model again.
    Waiting,
    /// The model's tool calls are being recorded.
    Recording,
    /// Tool calls are open.
    Tools,
    Parked,
    Finished,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Answer {
    text: String,
    reasoning: String,
    /// This model call has produced something.
    spoken: bool,
    /// What is stored is of an earlier call and can't be gone on from: it is superseded by the
    /// first token of the new one, and stays readable until then.
    stale: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct OpenCall {
    call_id: CallId,
    class: ToolClass,
    state: OpenState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OpenState {
    /// Recorded, and its turn has not come.
    Planned,
    /// Handed to the driver: running, or its outcome is being recorded.
    Handed,
    /// Waits for the user's decision.
    Asking,
}

impl Machine {
    /// Nothing comes out of it any more.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Finished | Phase::Parked)
    }

    #[must_use]
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Takes one input and says what is to be done, in order.
    #[must_use]
    pub fn step(&mut self, input: Input) -> Vec<Effect> {
        if self.is_finished() {
            return Vec::new();
        }
        match input {
            Input::Answer(open) => self.on_answer(open),
            Input::Chunk { call, chunk } if self.is_current(call) => self.on_chunk(chunk),
            Input::End {
                call,
                calls,
                finish,
                usage,
            } if self.is_current(call) => self.on_end(calls, finish, usage),
            Input::ModelFailed { call, error } if self.is_current(call) => self.on_failure(error),
            Input::Timer { call } if self.phase == Phase::Waiting && call == self.call => {
                self.call_model()
            }
            Input::Recorded => self.on_recorded(),
            Input::Outcome { call_id } => self.on_outcome(call_id),
            Input::Parked => self.on_parked(),
            Input::Cancel => self.cancel(),
            Input::OutOfTime => self.out_of_time(),
            Input::Chunk { .. }
            | Input::End { .. }
            | Input::ModelFailed { .. }
            | Input::Timer { .. } => Vec::new(),
        }
    }

    fn is_current(&self, call: u64) -> bool {
        self.phase == Phase::Calling && call == self.call
    }

    fn on_answer(&mut self, open: OpenAnswer) -> Vec<Effect> {
        if self.phase != Phase::Preparing {
            return Vec::new();
        }
        let partial =
            !open.text.is_empty() || !open.reasoning.is_empty() || open.tool_arguments > 0;
        // Reasoning and half of a call's arguments are nothing to go on from.
        let goes_on = self.settings.prefill && !open.text.is_empty() && open.tool_arguments == 0;
        self.resumed |= partial;
        self.answer = Answer {
            text: open.text,
            reasoning: open.reasoning,
            spoken: false,
            stale: partial && !goes_on,
        };
        self.retries = 0;
        self.call_model()
    }

    fn call_model(&mut self) -> Vec<Effect> {
        self.call += 1;
        self.phase = Phase::Calling;
        let prefill =
            (!self.answer.stale && !self.answer.text.is_empty()).then(|| self.answer.text.clone());
        vec![Effect::CallModel {
            call: self.call,
            tools: self.last_call.is_none(),
            prefill,
        }]
    }

    fn on_chunk(&mut self, chunk: ModelChunk) -> Vec<Effect> {
        let (channel, text) = match chunk {
            ModelChunk::Text(text) => (DeltaChannel::Text, text),
            ModelChunk::Reasoning(text) => (DeltaChannel::Reasoning, text),
            ModelChunk::ToolArguments(text) => (DeltaChannel::ToolArguments, text),
            // The driver turns the end into `Input::End`; a place in a queue is shown, not kept.
            ModelChunk::Queued { .. } | ModelChunk::End { .. } => return Vec::new(),
        };
        if text.is_empty() {
            return Vec::new();
        }
        let mut effects = Vec::new();
        if self.answer.stale {
            self.answer = Answer::default();
            effects.push(Effect::RestartAnswer);
        }
        self.answer.spoken = true;
        match channel {
            DeltaChannel::Text => self.answer.text.push_str(&text),
            DeltaChannel::Reasoning => self.answer.reasoning.push_str(&text),
            DeltaChannel::ToolArguments => {}
        }
        effects.push(Effect::Append { channel, text });
        if self.answer.text.len() + self.answer.reasoning.len() > self.settings.limits.answer_bytes
        {
            effects.push(Effect::CancelModel);
            effects.push(self.at_limit("answer_bytes", FinishReason::Length));
        }
        effects
    }

    fn on_end(&mut self, calls: Vec<NewCall>, finish: FinishReason, usage: Usage) -> Vec<Effect> {
        self.usage += usage;
        let mut effects = Vec::new();
        if self.answer.stale {
            self.answer = Answer::default();
            effects.push(Effect::RestartAnswer);
        }
        // A call that the output limit cut, and one that nobody offered tools for, is not executed.
        let usable =
            !calls.is_empty() && finish != FinishReason::Length && self.last_call.is_none();
        if usable {
            effects.push(self.record(calls, finish, usage));
        } else if let Some(limit) = self.last_call {
            effects.push(self.at_limit(limit, finish));
        } else if self.answer.text.is_empty() {
            let cut = finish == FinishReason::Length;
            effects.push(self.fail(empty_answer(cut)));
        } else {
            effects.push(self.complete(None, finish));
        }
        effects
    }

    fn on_failure(&mut self, error: ModelError) -> Vec<Effect> {
        let again = !self.answer.spoken
            && error.kind.transient()
            && self.retries < self.settings.limits.retries;
        if !again {
            let transient = error.kind.transient();
            return vec![self.fail(RunError {
                code: error.kind.code().to_owned(),
                detail: error.detail,
                retryable: transient,
            })];
        }
        let doubled = limits::MODEL_RETRY_FIRST_MS.saturating_mul(1 << self.retries.min(16));
        let millis = error
            .retry_after_ms
            .unwrap_or(doubled)
            .min(limits::MODEL_RETRY_MAX_MS);
        self.retries += 1;
        self.phase = Phase::Waiting;
        vec![Effect::Wait {
            call: self.call,
            millis,
        }]
    }
}
