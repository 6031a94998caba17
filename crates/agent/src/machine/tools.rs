//! The tool half of a turn: record the calls, make them, go on.

use domain::step::ToolOutcome;
use domain::store::PlannedCall;
use domain::{CallId, CallState, FinishReason, ToolClass, ToolPolicy, Usage};

use super::{Effect, Machine, NewCall, OpenCall, OpenState, Phase};

impl Machine {
    /// Plans the calls and has them recorded before the first one leaves.
    pub(super) fn record(
        &mut self,
        calls: Vec<NewCall>,
        finish: FinishReason,
        usage: Usage,
    ) -> Effect {
        self.open.clear();
        let mut planned = Vec::with_capacity(calls.len());
        for (position, new) in calls.into_iter().enumerate() {
            let refused = self.refusal(position, &new);
            let traits = self.settings.tools.get(&new.call.name).copied();
            let class = traits.map_or(ToolClass::ReadOnly, |traits| traits.class);
            let asks =
                refused.is_none() && traits.is_some_and(|traits| traits.policy == ToolPolicy::Ask);
            if refused.is_none() {
                self.open.push(OpenCall {
                    call_id: new.call.call_id,
                    class,
                    state: if asks {
                        OpenState::Asking
                    } else {
                        OpenState::Planned
                    },
                });
            }
            let approval = asks.then(|| {
                (
                    new.approval_id,
                    crate::approval::arguments_hash(&new.call.name, &new.call.arguments),
                )
            });
            planned.push(PlannedCall {
                call: new.call,
                class,
                approval,
                refused,
            });
        }
        self.phase = Phase::Recording;
        Effect::RecordModelStep {
            text: self.answer.text.clone(),
            reasoning: self.answer.reasoning.clone(),
            calls: planned,
            finish,
            usage,
            resumed: self.resumed,
        }
    }

    /// Why a call is answered without being made.
    fn refusal(&self, position: usize, new: &NewCall) -> Option<ToolOutcome> {
        if let Some(defect) = &new.defect {
            return Some(ToolOutcome::failed(defect));
        }
        if position >= self.settings.limits.calls_per_step {
            return Some(ToolOutcome::failed(
                "Too many tool calls at once; this one was not made.",
            ));
        }
        match self.settings.tools.get(&new.call.name) {
            None => Some(ToolOutcome::failed("There is no tool of this name.")),
            Some(traits) if traits.policy == ToolPolicy::Deny => Some(ToolOutcome::without_result(
                CallState::Denied,
                "This tool is not allowed here.",
            )),
            Some(_) => None,
        }
    }

    pub(super) fn on_recorded(&mut self) -> Vec<Effect> {
        if self.phase != Phase::Recording {
            return Vec::new();
        }
        self.phase = Phase::Tools;
        self.model_calls += 1;
        self.resumed = false;
        self.go_on()
    }

    pub(super) fn on_outcome(&mut self, call_id: CallId) -> Vec<Effect> {
        let handed = |call: &OpenCall| call.call_id == call_id && call.state == OpenState::Handed;
        let Some(at) = self.open.iter().position(handed) else {
            return Vec::new();
        };
        if self.phase != Phase::Tools {
            return Vec::new();
        }
        self.open.remove(at);
        self.go_on()
    }

    /// The next thing once nothing is running: more calls, the user's word, or the model.
    pub(super) fn go_on(&mut self) -> Vec<Effect> {
        if self.open.iter().any(|call| call.state == OpenState::Handed) {
            return Vec::new();
        }
        let calls = self.hand_out();
        if !calls.is_empty() {
            return calls;
        }
        if !self.open.is_empty() {
            return vec![Effect::Park];
        }
        self.prepare()
    }

    /// The first call whose turn it is; with one that only reads, those like it that follow. What
    /// waits for its user's word holds up nobody.
    fn hand_out(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        let planned = self.open.iter_mut();
        for call in planned.filter(|call| call.state == OpenState::Planned) {
            let reads = call.class == ToolClass::ReadOnly;
            if !reads && !effects.is_empty() {
                break;
            }
            call.state = OpenState::Handed;
            effects.push(Effect::Execute {
                call_id: call.call_id,
            });
            if !reads {
                break;
            }
        }
        effects
    }

    /// Readies the next model call; the last one allowed gets no tools.
    pub(super) fn prepare(&mut self) -> Vec<Effect> {
        let limits = &self.settings.limits;
        let tokens = self
            .usage
            .prompt_tokens
            .saturating_add(self.usage.completion_tokens);
        if self.model_calls >= limits.steps.saturating_sub(1).max(1) {
            self.last_call = Some("steps");
        } else if tokens >= limits.tokens {
            self.last_call = Some("tokens");
        }
        self.phase = Phase::Preparing;
        vec![Effect::BeginAnswer]
    }

    pub(super) fn on_parked(&mut self) -> Vec<Effect> {
        if self.phase == Phase::Tools && self.open.iter().all(|c| c.state == OpenState::Asking) {
            self.phase = Phase::Parked;
        }
        Vec::new()
    }
}
