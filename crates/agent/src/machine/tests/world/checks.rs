//! What must hold, after every step and at the end.

use domain::{CallId, FinishReason, LedgerEntry, StepKind, ToolClass, Usage};

use super::World;
use crate::machine::{Input, Machine, OpenState, Phase};
use crate::ports::ModelChunk;

impl World {
    /// Calls that may change something: alone, and in the order asked.
    pub(super) fn in_turn(&self, call_id: CallId) {
        let ledger = &self.records.ledger;
        let at = ledger.iter().position(|e| e.call_id == call_id).unwrap();
        let reads = |entry: &LedgerEntry| entry.class == ToolClass::ReadOnly;
        let beside = |entry: &&LedgerEntry| self.executing.contains(&entry.call_id);
        assert!(
            ledger.iter().filter(beside).all(reads)
                && (reads(&ledger[at]) || self.executing.is_empty()),
            "a call beside one that may change something"
        );
        let asked = |entry: &LedgerEntry| {
            let mut approvals = self.records.approvals.iter();
            approvals.any(|approval| approval.call_id == entry.call_id)
        };
        let skipped = |entry: &LedgerEntry| !entry.state.is_settled() && !beside(&entry);
        assert!(
            !ledger[..at]
                .iter()
                .any(|entry| skipped(entry) && !asked(entry)),
            "a call out of order"
        );
    }

    /// What the records say now is what the machine has come to: were the node to die here, nothing
    /// that was recorded would be lost or made up.
    pub(super) fn replay(&self) {
        let live = &self.machine;
        let (restored, _) = Machine::restore(self.settings.clone(), &self.records);
        if restored.phase == Phase::Finished {
            // Taken over too often, or stopped: a life of its own.
            return;
        }
        let model = |phase| matches!(phase, Phase::Preparing | Phase::Calling | Phase::Waiting);
        assert_eq!(
            model(live.phase),
            model(restored.phase),
            "{live:?} {restored:?}"
        );
        // Whoever takes over has time again, and is held by what else there is.
        let last_call = match live.last_call {
            Some("time") => restored.last_call,
            limit => limit,
        };
        assert_eq!(
            (live.model_calls, live.usage, last_call),
            (restored.model_calls, restored.usage, restored.last_call),
        );
        // What is in memory of an answer that was recorded as a step, or comes next, is no state.
        if model(live.phase) {
            assert_eq!(
                (&live.answer.text, &live.answer.reasoning),
                (&restored.answer.text, &restored.answer.reasoning)
            );
        }
        let open = |machine: &Machine| -> Vec<_> {
            let calls = machine.open.iter();
            calls
                .map(|call| (call.call_id, call.class, call.state == OpenState::Asking))
                .collect()
        };
        assert_eq!(open(live), open(&restored));
    }

    pub(in crate::machine::tests) fn stale(&mut self) {
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

    pub(in crate::machine::tests) fn check(&self) {
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
                    .any(|c| c.call_id == *id && c.name != "read" && c.name != "order"),
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
