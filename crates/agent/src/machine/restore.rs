//! A machine out of what is recorded.

use domain::step::ToolOutcome;
use domain::store::RunRecords;
use domain::{
    CallState, Decision, LedgerEntry, MessageStatus, RunError, RunState, StepKind, ToolClass,
    ToolPolicy, Usage, limits,
};

use super::{Answer, Effect, Machine, OpenCall, OpenState, Phase, Settings};

/// What the records say about a call without an outcome.
enum Found {
    Execute,
    Ask,
    Settle(ToolOutcome),
}

impl Machine {
    /// The machine as the records leave it, and what it wants done first.
    #[must_use]
    pub fn restore(settings: Settings, records: &RunRecords) -> (Self, Vec<Effect>) {
        let last_call = settings.out_of_time.then_some("time");
        let mut machine = Self {
            settings,
            phase: Phase::Tools,
            model_calls: 0,
            usage: Usage::default(),
            call: 0,
            retries: 0,
            answer: Answer::default(),
            open: Vec::new(),
            last_call,
            resumed: false,
        };
        for step in &records.steps {
            if let StepKind::ModelCall { usage, .. } = &step.kind {
                machine.model_calls += 1;
                machine.usage += *usage;
            }
        }
        if let Some(open) = &records.open_answer {
            machine.answer.text.clone_from(&open.text);
            machine.answer.reasoning.clone_from(&open.reasoning);
        }
        let mut effects = machine.take_up(records);
        if records.run.cancel_requested {
            let mut cancelled = machine.settle_open(&effects, records);
            let ending = machine.ending(RunState::Cancelled, MessageStatus::Cancelled);
            cancelled.push(Effect::Finish(ending));
            effects = cancelled;
        } else if records.run.attempts >= limits::MAX_ATTEMPTS {
            let mut failed = machine.settle_open(&effects, records);
            failed.push(
                machine.fail(RunError {
                    code: "too_many_restarts".to_owned(),
                    detail: "The server stopped several times while working on this answer. Try \
                         again; if it happens again, tell the operator."
                        .to_owned(),
                    retryable: true,
                }),
            );
            effects = failed;
        } else if machine.settings.out_of_time && !machine.open.is_empty() {
            effects = machine.settle_open(&effects, records);
            machine.phase = Phase::Preparing;
        }
        (machine, effects)
    }

    /// The same machine read again from newer records.
    #[must_use]
    pub fn again(&self, records: &RunRecords) -> (Self, Vec<Effect>) {
        Self::restore(self.settings.clone(), records)
    }

    fn take_up(&mut self, records: &RunRecords) -> Vec<Effect> {
        let mut effects = Vec::new();
        for entry in records
            .ledger
            .iter()
            .filter(|entry| !entry.state.is_settled())
        {
            let found = self.found(entry, records);
            let state = match found {
                Found::Ask => OpenState::Asking,
                Found::Execute => OpenState::Planned,
                Found::Settle(_) => OpenState::Handed,
            };
            let call_id = entry.call_id;
            self.open.push(OpenCall {
                call_id,
                class: entry.class,
                state,
            });
            if let Found::Settle(outcome) = found {
                effects.push(Effect::Settle { call_id, outcome });
            }
        }
        effects.extend(self.go_on());
        effects
    }

    /// Instead of going on: every open call gets what can be said of it.
    fn settle_open(&mut self, planned: &[Effect], records: &RunRecords) -> Vec<Effect> {
        let open = std::mem::take(&mut self.open);
        let mut effects: Vec<Effect> = open
            .iter()
            .map(|call| {
                let known = planned.iter().find_map(|effect| match effect {
                    Effect::Settle { call_id, outcome } if *call_id == call.call_id => {
                        Some(outcome.clone())
                    }
                    _ => None,
                });
                let outcome = known.unwrap_or_else(|| match call.state {
                    OpenState::Asking => ToolOutcome::without_result(
                        CallState::Denied,
                        "The run ended before this was decided.",
                    ),
                    OpenState::Planned | OpenState::Handed if may_have_happened(call, records) => {
                        ToolOutcome::without_result(
                            CallState::Unknown,
                            "The run ended while this call was being made. It may or may not have \
                             happened.",
                        )
                    }
                    OpenState::Planned | OpenState::Handed => {
                        ToolOutcome::failed("The run ended before this call was made.")
                    }
                });
                Effect::Settle {
                    call_id: call.call_id,
                    outcome,
                }
            })
            .collect();
        effects.push(Effect::BeginAnswer);
        effects
    }
}

/// A keyed call that left is made again with its key when the run goes on; when it ends instead,
/// nobody knows.
fn may_have_happened(call: &OpenCall, records: &RunRecords) -> bool {
    matches!(call.class, ToolClass::Effectful | ToolClass::Keyed)
        && records
            .ledger
            .iter()
            .any(|entry| entry.call_id == call.call_id && entry.state == CallState::Running)
}

impl Machine {
    /// The recovery table of the ledger. It is also how a call begins that the user has tried
    /// again, or that a permission of the conversation lets through: recorded, and not asked for.
    fn found(&self, entry: &LedgerEntry, records: &RunRecords) -> Found {
        let approval = records
            .approvals
            .iter()
            .find(|approval| approval.call_id == entry.call_id);
        match approval.map(|approval| approval.decision) {
            Some(None) => return Found::Ask,
            Some(Some(Decision::Deny)) => {
                return Found::Settle(ToolOutcome::without_result(
                    CallState::Denied,
                    "The user did not allow this call.",
                ));
            }
            Some(Some(Decision::Approve)) | None => {}
        }
        let left = entry.state == CallState::Running;
        if left && entry.class == ToolClass::Effectful {
            return Found::Settle(ToolOutcome::without_result(
                CallState::Unknown,
                "The server stopped while this call was being made. It may or may not have \
                 happened.",
            ));
        }
        // Whatever a user has said: the operator's word is the last. A keyed call that left before
        // the operator spoke is as unknown as any other that is not made again.
        let policy = self.settings.tools.get(&entry.tool_name).map(|t| t.policy);
        if policy == Some(ToolPolicy::Deny) {
            let state = if left && entry.class == ToolClass::Keyed {
                CallState::Unknown
            } else {
                CallState::Denied
            };
            let why = "This tool is not allowed here.";
            return Found::Settle(ToolOutcome::without_result(state, why));
        }
        Found::Execute
    }
}
