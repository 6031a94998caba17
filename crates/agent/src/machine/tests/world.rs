//! A model of the store, of the world behind the tools and of the driver's memory, in which a
//! machine lives.

mod checks;
mod effects;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use domain::step::ToolOutcome;
use domain::store::{OpenAnswer, RunRecords};
use domain::{
    ApprovalId, CallId, CallState, ConversationId, Decision, FinishReason, MessageId, Run, RunId,
    RunState, Timestamp, ToolCall, ToolClass, ToolPolicy, Usage, UserId,
};
use serde_json::json;
use uuid::Uuid;

use super::super::{Effect, Ending, Input, Limits, Machine, NewCall, Settings, ToolTraits};
use crate::ports::{ModelChunk, ModelError, ModelErrorKind};

pub(super) fn settings(prefill: bool) -> Settings {
    let tool = |class, policy| ToolTraits { class, policy };
    Settings {
        limits: Limits {
            steps: 6,
            calls_per_step: 3,
            answer_bytes: 200,
            ..Limits::default()
        },
        prefill,
        out_of_time: false,
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
                "order".to_owned(),
                tool(ToolClass::Keyed, ToolPolicy::Allow),
            ),
            (
                "evil".to_owned(),
                tool(ToolClass::Effectful, ToolPolicy::Deny),
            ),
        ]),
    }
}

pub(super) fn fresh_records() -> RunRecords {
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
pub(super) enum Happening {
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
pub(super) struct World {
    settings: Settings,
    pub(super) records: RunRecords,
    pub(super) machine: Machine,
    effects: VecDeque<Effect>,
    pub(super) call: Option<u64>,
    waiting: Option<u64>,
    pub(super) executing: BTreeSet<CallId>,
    pub(super) left: BTreeMap<CallId, u32>,
    pub(super) outcomes: BTreeMap<CallId, ToolOutcome>,
    pub(super) endings: Vec<Ending>,
    model_calls: u32,
    next_id: u128,
    next_message: i64,
    pub(super) parked: bool,
    /// The conversation has a permission for `mail`; those recorded under it.
    permission: bool,
    permitted: BTreeSet<CallId>,
    /// Calls that must not be made: too many at once, or broken.
    refused: BTreeSet<CallId>,
    /// Effects until the node dies.
    doom: Option<u8>,
}

impl World {
    pub(super) fn new(prefill: bool) -> Self {
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

    pub(super) fn ended(&self) -> bool {
        !self.endings.is_empty()
    }

    pub(super) fn feed(&mut self, input: Input) {
        let effects = self.machine.step(input);
        assert!(
            !self.ended() || effects.is_empty(),
            "something after the end: {effects:?}"
        );
        self.effects.extend(effects);
    }

    pub(super) fn happen(&mut self, happening: Happening) {
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
        if !self.ended() {
            self.replay();
        }
    }

    fn chunk(&mut self, chunk: ModelChunk) {
        if let Some(call) = self.call {
            self.feed(Input::Chunk { call, chunk });
        }
    }

    fn end(&mut self, tools: &[u8], cut: bool) {
        let Some(call) = self.call else { return };
        let names = ["read", "todo", "mail", "post", "evil", "nobody", "order"];
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
    pub(super) fn finish(&mut self) {
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
}
