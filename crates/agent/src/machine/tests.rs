//! Random lives of a run against a model of the store: chunks, ends, failures, stale answers,
//! decisions, stops, and the death of the node at any point.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::step::ToolOutcome;
use domain::store::{OpenAnswer, RunRecords};
use domain::{
    Approval, ApprovalId, CallId, CallState, ConversationId, Decision, FinishReason, LedgerEntry,
    MessageId, Run, RunId, RunState, Step, StepKind, Timestamp, ToolCall, ToolClass, ToolPolicy,
    Usage, UserId,
};
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::{Effect, Ending, Input, Limits, Machine, NewCall, Settings, ToolTraits};
use crate::ports::{ModelChunk, ModelError, ModelErrorKind};

fn settings(prefill: bool) -> Settings {
    let tool = |class, policy| ToolTraits { class, policy };
    Settings {
        limits: Limits {
            steps: 6,
            calls_per_step: 3,
            answer_bytes: 200,
            ..Limits::default()
        },
        prefill,
        tools: BTreeMap::from([
            (
                "read".to_owned(),
                tool(ToolClass::ReadOnly, ToolPolicy::Allow),
            ),
            (
                "todo".to_owned(),
                tool(ToolClass::Transactional, ToolPolicy::Allow),
            ),
            (
                "mail".to_owned(),
                tool(ToolClass::Effectful, ToolPolicy::Ask),
            ),
            (
                "post".to_owned(),
                tool(ToolClass::Effectful, ToolPolicy::Allow),
            ),
            (
                "evil".to_owned(),
                tool(ToolClass::Effectful, ToolPolicy::Deny),
            ),
        ]),
    }
}

fn fresh_records() -> RunRecords {
    RunRecords {
        run: Run {
            run_id: RunId(Uuid::from_u128(1)),
            user_id: UserId(1),
            conversation_id: ConversationId(Uuid::from_u128(2)),
            user_message_id: MessageId(1),
            ai_message_id: MessageId(2),
            state: RunState::Running,
            waiting: false,
            fence: 1,
            node_id: None,
            attempts: 0,
            step: 0,
            model: None,
            agent_id: None,
            time_zone: None,
            cancel_requested: false,
            usage: Usage::default(),
            error: None,
            created_at: Timestamp(0),
            started_at: None,
            finished_at: None,
        },
        steps: vec![],
        ledger: vec![],
        approvals: vec![],
        open_answer: Some(OpenAnswer {
            message_id: MessageId(2),
            revision: 1,
            text: String::new(),
            reasoning: String::new(),
            tool_arguments: 0,
        }),
    }
}

#[derive(Debug, Clone)]
enum Happening {
    Text(u8),
    Reasoning,
    Arguments,
    /// Tools by number, and whether the output limit cut it.
    End {
        tools: Vec<u8>,
        cut: bool,
    },
    Fail {
        transient: bool,
    },
    Timer,
    ToolDone(u8),
    Stale,
    Decide(bool),
    /// A permission is given or revoked.
    Permit(bool),
    Cancel,
    OutOfTime,
    Crash,
    /// The node dies when it has carried out so many more effects.
    Doom(u8),
}

/// The store, the world behind the tools, and the driver's memory.
struct World {
    settings: Settings,
    records: RunRecords,
    machine: Machine,
    effects: VecDeque<Effect>,
    call: Option<u64>,
    waiting: Option<u64>,
    executing: BTreeSet<CallId>,
    left: BTreeMap<CallId, u32>,
    outcomes: BTreeMap<CallId, ToolOutcome>,
    endings: Vec<Ending>,
    model_calls: u32,
    next_id: u128,
    next_message: i64,
    parked: bool,
    /// The conversation has a permission for `mail`; those recorded under it.
    permission: bool,
    permitted: BTreeSet<CallId>,
    /// Calls that must not be made: too many at once, or broken.
    refused: BTreeSet<CallId>,
    /// Effects until the node dies.
    doom: Option<u8>,
}

impl World {
    fn new(prefill: bool) -> Self {
        let (settings, records) = (settings(prefill), fresh_records());
        let (machine, effects) = Machine::restore(settings.clone(), &records);
        Self {
            settings,
            records,
            machine,
            effects: effects.into(),
            call: None,
            waiting: None,
            executing: BTreeSet::new(),
            left: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            endings: vec![],
            model_calls: 0,
            next_id: 100,
            next_message: 3,
            parked: false,
            permission: false,
            permitted: BTreeSet::new(),
            refused: BTreeSet::new(),
            doom: None,
        }
    }

    fn ended(&self) -> bool {
        !self.endings.is_empty()
    }

    fn feed(&mut self, input: Input) {
        let effects = self.machine.step(input);
        assert!(
            !self.ended() || effects.is_empty(),
            "something after the end: {effects:?}"
        );
        self.effects.extend(effects);
    }

    fn settle(&mut self, call_id: CallId, outcome: ToolOutcome) {
        let entry = self
            .records
            .ledger
            .iter_mut()
            .find(|e| e.call_id == call_id);
        let entry = entry.expect("an outcome belongs to a recorded call");
        assert!(!entry.state.is_settled(), "a call has one outcome");
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

    fn no_open_calls(&self) -> bool {
        self.records
            .ledger
            .iter()
            .all(|entry| entry.state.is_settled())
    }

    fn settle_effects(&mut self) {
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

    fn carry_out(&mut self, effect: Effect) {
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
                for planned in calls {
                    self.record_call(planned);
                }
                self.call = None;
                self.feed(Input::Recorded);
            }
            Effect::Execute { call_id } => self.execute(call_id),
            Effect::Settle { call_id, outcome } => {
                self.settle(call_id, outcome);
                self.feed(Input::Outcome { call_id });
            }
            Effect::Abandon { call_id, why } => {
                let state = if self.executing.contains(&call_id) {
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

    fn record_call(&mut self, planned: domain::store::PlannedCall) {
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

    fn execute(&mut self, call_id: CallId) {
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
    fn crash(&mut self) {
        self.records.run.attempts += 1;
        self.restore();
    }

    fn restore(&mut self) {
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

    fn happen(&mut self, happening: Happening) {
        if let Happening::Permit(given) = happening {
            self.permission = given;
            return;
        }
        if let Happening::Doom(effects) = happening {
            self.doom = Some(effects);
            return;
        }
        if self.ended() {
            self.stale();
            return;
        }
        if self.parked {
            if let Happening::Decide(yes) = happening {
                self.decide(yes);
            }
            self.settle_effects();
            return;
        }
        match happening {
            Happening::Text(n) => self.chunk(ModelChunk::Text("é".repeat(usize::from(n)))),
            Happening::Reasoning => self.chunk(ModelChunk::Reasoning("hm".into())),
            Happening::Arguments => self.chunk(ModelChunk::ToolArguments("{".into())),
            Happening::End { tools, cut } => self.end(&tools, cut),
            Happening::Fail { transient } => {
                let kind = if transient {
                    ModelErrorKind::Upstream
                } else {
                    ModelErrorKind::Auth
                };
                if let Some(call) = self.call {
                    let error = ModelError::new(kind, "broken");
                    self.feed(Input::ModelFailed { call, error });
                }
            }
            Happening::Timer => {
                if let Some(call) = self.waiting {
                    self.feed(Input::Timer { call });
                }
            }
            Happening::ToolDone(n) => {
                let executing: Vec<_> = self.executing.iter().copied().collect();
                if let Some(call_id) = executing.get(usize::from(n) % executing.len().max(1)) {
                    let state = CallState::Succeeded;
                    self.settle(
                        *call_id,
                        ToolOutcome {
                            state,
                            result: json!(n),
                        },
                    );
                    self.feed(Input::Outcome { call_id: *call_id });
                }
            }
            Happening::Stale => self.stale(),
            Happening::Decide(_) | Happening::Permit(_) | Happening::Doom(_) => {}
            Happening::Cancel => self.feed(Input::Cancel),
            Happening::OutOfTime => self.feed(Input::OutOfTime),
            Happening::Crash => self.crash(),
        }
        self.settle_effects();
    }

    fn stale(&mut self) {
        let settled: Vec<_> = self.outcomes.keys().copied().collect();
        let before = self.machine.clone();
        let mut inputs: Vec<Input> = settled
            .into_iter()
            .map(|call_id| Input::Outcome { call_id })
            .collect();
        inputs.push(Input::Chunk {
            call: 0,
            chunk: ModelChunk::Text("late".into()),
        });
        inputs.push(Input::Timer { call: 0 });
        let (finish, usage) = (FinishReason::Stop, Usage::default());
        inputs.push(Input::End {
            call: 0,
            calls: vec![],
            finish,
            usage,
        });
        for input in inputs {
            assert_eq!(self.machine.step(input), vec![], "late answers are dropped");
        }
        assert_eq!(self.machine, before);
    }

    fn chunk(&mut self, chunk: ModelChunk) {
        if let Some(call) = self.call {
            self.feed(Input::Chunk { call, chunk });
        }
    }

    fn end(&mut self, tools: &[u8], cut: bool) {
        let Some(call) = self.call else { return };
        let names = ["read", "todo", "mail", "post", "evil", "nobody"];
        let most = self.settings.limits.calls_per_step;
        let calls = (0..)
            .zip(tools)
            .map(|(position, n)| {
                self.next_id += 2;
                let call_id = CallId(Uuid::from_u128(self.next_id));
                if position >= most || *n > 200 {
                    self.refused.insert(call_id);
                }
                NewCall {
                    call: ToolCall {
                        call_id,
                        provider_id: "x".into(),
                        name: names[usize::from(*n) % names.len()].into(),
                        arguments: json!({}),
                    },
                    approval_id: ApprovalId(Uuid::from_u128(self.next_id + 1)),
                    defect: (*n > 200).then(|| "not JSON".to_owned()),
                }
            })
            .collect();
        let finish = if cut {
            FinishReason::Length
        } else {
            FinishReason::ToolCalls
        };
        let usage = Usage {
            prompt_tokens: 10,
            completion_tokens: 5,
        };
        self.feed(Input::End {
            call,
            calls,
            finish,
            usage,
        });
    }

    fn decide(&mut self, yes: bool) {
        let decision = if yes {
            Decision::Approve
        } else {
            Decision::Deny
        };
        let open = self
            .records
            .approvals
            .iter_mut()
            .find(|a| a.decision.is_none());
        open.expect("parked for something").decision = Some(decision);
        if self
            .records
            .approvals
            .iter()
            .all(|approval| approval.decision.is_some())
        {
            self.restore();
        }
    }

    /// Lets everything that is open come to its end.
    fn finish(&mut self) {
        for _ in 0..200 {
            if self.ended() {
                return;
            }
            if self.parked {
                self.happen(Happening::Decide(true));
            } else if self.waiting.is_some() {
                self.happen(Happening::Timer);
            } else if !self.executing.is_empty() {
                self.happen(Happening::ToolDone(0));
            } else {
                self.happen(Happening::Text(1));
                self.happen(Happening::End {
                    tools: vec![],
                    cut: false,
                });
            }
        }
        panic!("the run does not end");
    }

    fn check(&self) {
        assert_eq!(self.endings.len(), 1, "one end");
        for step in &self.records.steps {
            if let StepKind::ModelCall { tool_calls, .. } = &step.kind {
                for call in tool_calls {
                    assert!(
                        self.outcomes.contains_key(&call.call_id),
                        "a call without a result"
                    );
                }
            }
        }
        let effectful = |id: &CallId| {
            self.records.steps.iter().any(|step| match &step.kind {
                StepKind::ModelCall { tool_calls, .. } => tool_calls
                    .iter()
                    .any(|c| c.call_id == *id && c.name != "read"),
                StepKind::ToolCall { .. } => false,
            })
        };
        for (call_id, times) in &self.left {
            assert!(
                *times == 1 || !effectful(call_id),
                "an effect left {times} times"
            );
        }
        let recorded = self
            .records
            .steps
            .iter()
            .filter(|step| matches!(step.kind, StepKind::ModelCall { .. }))
            .count();
        assert!(i64::try_from(recorded).unwrap() < self.settings.limits.steps);
    }
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => (0u8..20).prop_map(Happening::Text),
        1 => Just(Happening::Reasoning),
        1 => Just(Happening::Arguments),
        4 => (proptest::collection::vec(any::<u8>(), 0..5), prop::bool::weighted(0.1))
            .prop_map(|(tools, cut)| Happening::End { tools, cut }),
        2 => prop::bool::weighted(0.7).prop_map(|transient| Happening::Fail { transient }),
        2 => Just(Happening::Timer),
        4 => any::<u8>().prop_map(Happening::ToolDone),
        1 => Just(Happening::Stale),
        2 => any::<bool>().prop_map(Happening::Decide),
        1 => any::<bool>().prop_map(Happening::Permit),
        1 => prop::bool::weighted(0.5)
            .prop_map(|cancel| if cancel { Happening::Cancel } else { Happening::OutOfTime }),
        2 => Just(Happening::Crash),
        3 => (0u8..8).prop_map(Happening::Doom),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn every_life_of_a_run_ends_once_and_leaves_no_call_open(
        prefill in any::<bool>(),
        life in proptest::collection::vec(happening(), 0..60),
    ) {
        let mut world = World::new(prefill);
        world.settle_effects();
        for happening in life {
            world.happen(happening);
        }
        world.finish();
        world.stale();
        world.check();
    }
}

#[test]
fn text_that_a_dead_node_left_stays_until_the_new_answer_speaks() {
    let mut world = World::new(false);
    world.settle_effects();
    world.happen(Happening::Text(3));
    world.happen(Happening::Crash);
    assert_eq!(world.records.open_answer.as_ref().unwrap().text, "ééé");
    world.happen(Happening::Text(1));
    let open = world.records.open_answer.clone().unwrap();
    assert_eq!((open.revision, open.text.as_str()), (2, "é"));
}

#[test]
fn a_model_that_takes_a_prefill_goes_on_in_the_same_revision() {
    let mut world = World::new(true);
    world.settle_effects();
    world.happen(Happening::Text(3));
    world.happen(Happening::Crash);
    world.happen(Happening::Text(1));
    let open = world.records.open_answer.clone().unwrap();
    assert_eq!((open.revision, open.text.as_str()), (1, "éééé"));
    world.finish();
    assert!(world.endings[0].resumed);
}

#[test]
fn an_effect_that_may_have_left_is_unknown_after_a_crash_and_not_repeated() {
    let mut world = World::new(false);
    world.settle_effects();
    world.happen(Happening::End {
        tools: vec![3],
        cut: false,
    });
    world.happen(Happening::Crash);
    let (_, outcome) = world.outcomes.first_key_value().unwrap();
    assert_eq!(outcome.state, CallState::Unknown);
    assert_eq!(world.left.values().sum::<u32>(), 1);
}

#[test]
fn the_fifth_take_over_without_a_step_fails_visibly() {
    let mut world = World::new(false);
    world.settle_effects();
    for _ in 0..5 {
        assert!(!world.ended());
        world.happen(Happening::Crash);
    }
    assert_eq!(
        world.endings[0].error.as_ref().unwrap().code,
        "too_many_restarts"
    );
}

#[test]
fn at_the_step_limit_the_model_is_asked_once_more_without_tools() {
    let mut world = World::new(false);
    world.settle_effects();
    for _ in 0..5 {
        world.happen(Happening::End {
            tools: vec![1],
            cut: false,
        });
    }
    assert_eq!(world.machine.last_call, Some("steps"));
    world.happen(Happening::Text(2));
    world.happen(Happening::End {
        tools: vec![1],
        cut: false,
    });
    assert_eq!(world.endings[0].limit, Some("steps"));
    assert_eq!(world.endings[0].state, RunState::Completed);
}

/// A run as it begins when the user has an unknown call tried again: no model call, one intent.
fn tried_again(tool: &str, state: CallState) -> RunRecords {
    let mut records = fresh_records();
    records.open_answer = None;
    records.ledger.push(LedgerEntry {
        call_id: CallId(Uuid::from_u128(50)),
        run_id: records.run.run_id,
        step: 0,
        message_id: MessageId(9),
        tool_name: tool.to_owned(),
        class: ToolClass::Effectful,
        arguments: json!({}),
        state,
        result: None,
        key: CallId(Uuid::from_u128(40)),
    });
    records
}

#[test]
fn a_call_that_is_tried_again_is_made_at_once_and_then_the_model_answers() {
    let records = tried_again("mail", CallState::Intended);
    let (mut machine, effects) = Machine::restore(settings(false), &records);
    let call_id = CallId(Uuid::from_u128(50));
    assert_eq!(effects, [Effect::Execute { call_id }]);
    let next = machine.step(Input::Outcome { call_id });
    assert_eq!(next, [Effect::BeginAnswer]);
}

#[test]
fn a_call_that_was_tried_again_when_the_node_died_is_unknown_again() {
    let records = tried_again("mail", CallState::Running);
    let (_, effects) = Machine::restore(settings(false), &records);
    let [Effect::Settle { outcome, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(outcome.state, CallState::Unknown);
}

#[test]
fn what_the_operator_denies_is_not_made_after_a_crash_either() {
    let records = tried_again("evil", CallState::Intended);
    let (_, effects) = Machine::restore(settings(false), &records);
    let [Effect::Settle { outcome, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(outcome.state, CallState::Denied);
}

#[test]
fn a_permission_lets_a_call_through_without_asking() {
    let mut world = World::new(false);
    world.settle_effects();
    world.happen(Happening::Permit(true));
    world.happen(Happening::End {
        tools: vec![2],
        cut: false,
    });
    assert!(!world.parked && world.executing.len() == 1);
    world.happen(Happening::ToolDone(0));
    world.happen(Happening::Permit(false));
    world.happen(Happening::End {
        tools: vec![2],
        cut: false,
    });
    assert!(world.parked, "it asks again");
}

#[test]
fn a_limit_that_is_met_without_a_word_is_named_in_a_failure() {
    let at_steps = |world: &mut World| {
        for _ in 0..6 {
            world.happen(Happening::End {
                tools: vec![1],
                cut: false,
            });
        }
    };
    let thinking = |world: &mut World| {
        let call = world.machine.call;
        let chunk = ModelChunk::Reasoning("x".repeat(201));
        world.feed(Input::Chunk { call, chunk });
        world.settle_effects();
    };
    let late = |world: &mut World| {
        world.feed(Input::OutOfTime);
        world.settle_effects();
    };
    type Way<'a> = &'a dyn Fn(&mut World);
    let ways: [(&str, Way); 3] = [
        ("steps", &at_steps),
        ("answer_bytes", &thinking),
        ("time", &late),
    ];
    for (limit, way) in ways {
        let mut world = World::new(false);
        world.settle_effects();
        way(&mut world);
        let ending = &world.endings[0];
        assert_eq!(
            (ending.state, ending.limit),
            (RunState::Failed, Some(limit))
        );
        assert_eq!(ending.error.as_ref().unwrap().code, "limit_reached");
    }
}
