//! What the driver and the store would do.

use domain::step::ToolOutcome;
use domain::store::OpenAnswer;
use domain::{
    Approval, CallId, CallState, Decision, LedgerEntry, MessageId, Step, StepKind, Timestamp,
    ToolClass, UserId,
};
use serde_json::json;

use super::World;
use crate::machine::{Effect, Input, Machine};

impl World {
    pub(super) fn settle(&mut self, call_id: CallId, outcome: ToolOutcome) {
        let entry = self
            .records
            .ledger
            .iter_mut()
            .find(|e| e.call_id == call_id);
        let entry = entry.expect("an outcome belongs to a recorded call");
        assert!(!entry.state.is_settled(), "a call has one outcome");
        let traces = matches!(entry.class, ToolClass::Effectful | ToolClass::Keyed);
        assert!(
            !(traces && self.left.contains_key(&call_id))
                || matches!(outcome.state, CallState::Succeeded | CallState::Unknown),
            "what left is said not to have happened: {outcome:?}"
        );
        entry.state = outcome.state;
        self.executing.remove(&call_id);
        assert!(self.outcomes.insert(call_id, outcome.clone()).is_none());
        let index = i64::try_from(self.records.steps.len()).unwrap() + 1;
        self.records.steps.push(Step {
            index,
            kind: StepKind::ToolCall { call_id, outcome },
        });
        self.records.run.attempts = 0;
    }

    pub(super) fn no_open_calls(&self) -> bool {
        self.records
            .ledger
            .iter()
            .all(|entry| entry.state.is_settled())
    }

    pub(in crate::machine::tests) fn settle_effects(&mut self) {
        while let Some(effect) = self.effects.pop_front() {
            assert!(!self.ended(), "an effect after the end: {effect:?}");
            match self.doom {
                Some(0) => {
                    self.doom = None;
                    self.crash();
                    continue;
                }
                Some(left) => self.doom = Some(left - 1),
                None => {}
            }
            self.carry_out(effect);
        }
    }

    pub(super) fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::BeginAnswer => {
                assert!(self.no_open_calls(), "a new answer while calls are open");
                let next = MessageId(self.next_message);
                let open = self.records.open_answer.get_or_insert_with(|| OpenAnswer {
                    message_id: next,
                    revision: 1,
                    text: String::new(),
                    reasoning: String::new(),
                    tool_arguments: 0,
                });
                if open.message_id == next {
                    self.next_message += 1;
                }
                let open = open.clone();
                self.feed(Input::Answer(open));
            }
            Effect::RestartAnswer => {
                let open = self
                    .records
                    .open_answer
                    .as_mut()
                    .expect("an answer is open");
                open.revision += 1;
                open.text.clear();
                open.reasoning.clear();
                open.tool_arguments = 0;
            }
            Effect::CallModel { call, prefill, .. } => {
                assert!(
                    self.no_open_calls(),
                    "the model is asked while calls are open"
                );
                let open = self
                    .records
                    .open_answer
                    .as_ref()
                    .expect("an answer is open");
                if let Some(prefill) = prefill {
                    assert!(self.settings.prefill);
                    assert_eq!(prefill, open.text, "it goes on from what is stored");
                }
                self.model_calls += 1;
                self.call = Some(call);
                self.waiting = None;
            }
            Effect::CancelModel => self.call = None,
            Effect::Append { channel, text } => {
                let open = self
                    .records
                    .open_answer
                    .as_mut()
                    .expect("an answer is open");
                match channel {
                    domain::DeltaChannel::Text => open.text.push_str(&text),
                    domain::DeltaChannel::Reasoning => open.reasoning.push_str(&text),
                    domain::DeltaChannel::ToolArguments => {
                        open.tool_arguments += i64::try_from(text.len()).unwrap();
                    }
                }
            }
            Effect::Wait { call, .. } => {
                self.call = None;
                self.waiting = Some(call);
            }
            Effect::RecordModelStep {
                text,
                calls,
                finish,
                usage,
                ..
            } => {
                let open = self.records.open_answer.take().expect("an answer is open");
                assert_eq!(text, open.text, "what is recorded is what was said");
                let tool_calls = calls.iter().map(|planned| planned.call.clone()).collect();
                let kind = StepKind::ModelCall {
                    message_id: open.message_id,
                    text,
                    tool_calls,
                    finish,
                    usage,
                };
                let index = i64::try_from(self.records.steps.len()).unwrap() + 1;
                self.records.steps.push(Step { index, kind });
                self.records.run.attempts = 0;
                self.records.ledger.clear();
                self.records.approvals.clear();
                let asks = calls.iter().any(|planned| planned.approval.is_some());
                for planned in calls {
                    self.record_call(planned);
                }
                self.call = None;
                if asks {
                    self.restore();
                } else {
                    self.feed(Input::Recorded);
                }
            }
            Effect::Execute { call_id } => self.execute(call_id),
            Effect::Settle { call_id, outcome } => {
                self.settle(call_id, outcome);
                self.feed(Input::Outcome { call_id });
            }
            Effect::Abandon { call_id, why } => {
                let entry = self.records.ledger.iter().find(|e| e.call_id == call_id);
                let left = entry.is_some_and(|entry| entry.state == CallState::Running);
                let state = if left {
                    CallState::Unknown
                } else {
                    CallState::Denied
                };
                self.settle(call_id, ToolOutcome::without_result(state, &why));
            }
            Effect::Park => {
                if self
                    .records
                    .approvals
                    .iter()
                    .any(|approval| approval.decision.is_none())
                {
                    self.parked = true;
                    self.feed(Input::Parked);
                } else {
                    self.restore();
                }
            }
            Effect::Finish(ending) => {
                assert!(
                    self.no_open_calls(),
                    "the run ends with a call without a result"
                );
                let open = self
                    .records
                    .open_answer
                    .take()
                    .expect("an end has a message");
                assert_eq!(ending.text, open.text, "the final text is what was said");
                self.endings.push(ending);
            }
        }
    }

    pub(super) fn record_call(&mut self, planned: domain::store::PlannedCall) {
        let call_id = planned.call.call_id;
        let refused = planned.refused.clone();
        let permitted = self.permission && planned.approval.is_some();
        if permitted {
            self.permitted.insert(call_id);
        }
        if let Some((approval_id, arguments_hash)) = planned.approval.filter(|_| !permitted) {
            self.records.approvals.push(Approval {
                approval_id,
                user_id: UserId(1),
                conversation_id: self.records.run.conversation_id,
                run_id: self.records.run.run_id,
                call_id,
                tool_name: planned.call.name.clone(),
                arguments: planned.call.arguments.clone(),
                arguments_hash,
                decision: None,
                scope: None,
                created_at: Timestamp(0),
                decided_at: None,
            });
        }
        self.records.ledger.push(LedgerEntry {
            call_id,
            run_id: self.records.run.run_id,
            step: 1,
            message_id: MessageId(9),
            tool_name: planned.call.name,
            class: planned.class,
            arguments: planned.call.arguments,
            state: CallState::Intended,
            result: None,
            key: call_id,
        });
        if let Some(outcome) = refused {
            self.settle(call_id, outcome);
        }
    }

    pub(super) fn execute(&mut self, call_id: CallId) {
        self.in_turn(call_id);
        let entry = self
            .records
            .ledger
            .iter_mut()
            .find(|e| e.call_id == call_id)
            .unwrap();
        assert_ne!(entry.tool_name, "evil", "a denied tool is never called");
        assert!(!self.refused.contains(&call_id), "a refused call is made");
        if entry.tool_name == "mail" && !self.permitted.contains(&call_id) {
            let decision = self.records.approvals.iter().find(|a| a.call_id == call_id);
            assert_eq!(decision.unwrap().decision, Some(Decision::Approve));
        }
        *self.left.entry(call_id).or_default() += 1;
        if entry.class == ToolClass::Transactional {
            self.settle(
                call_id,
                ToolOutcome {
                    state: CallState::Succeeded,
                    result: json!({}),
                },
            );
            self.feed(Input::Outcome { call_id });
        } else {
            entry.state = CallState::Running;
            self.executing.insert(call_id);
        }
    }

    /// The node dies; another (or the same, started again) takes the run over.
    pub(super) fn crash(&mut self) {
        self.records.run.attempts += 1;
        self.restore();
    }

    pub(super) fn restore(&mut self) {
        self.parked = false;
        self.call = None;
        self.waiting = None;
        self.executing.clear();
        let (machine, effects) = Machine::restore(self.settings.clone(), &self.records);
        let again = Machine::restore(self.settings.clone(), &self.records);
        assert_eq!(
            (&machine, &effects),
            (&again.0, &again.1),
            "the records decide alone"
        );
        self.machine = machine;
        self.effects = effects.into();
    }
}
