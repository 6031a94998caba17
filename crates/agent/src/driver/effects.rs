//! One effect after the other.

use domain::step::ToolOutcome;
use domain::store::ModelStep;
use domain::{CallState, ToolClass};
use std::time::Duration;
use tokio::time::Instant;

use super::{Driver, Left, by_id, committed};
use crate::failpoints;
use crate::machine::{Effect, Input};
use crate::writer::Writer;

impl Driver<'_> {
    pub(super) async fn execute(&mut self, effect: Effect) -> Result<(), Left> {
        let (deps, fence) = (self.deps, self.fence);
        match effect {
            Effect::BeginAnswer => {
                let open = self.begin_answer().await?;
                self.writer = Some(Writer::new(&open));
                self.feed(Input::Answer(open));
            }
            Effect::RestartAnswer => {
                let open = committed(&self.stop, || {
                    deps.store.restart_answer(fence, deps.clock.now())
                })
                .await?;
                self.writer = Some(Writer::new(&open));
            }
            Effect::CallModel {
                call,
                tools,
                prefill,
            } => {
                self.call_model(call, tools, prefill).await?;
            }
            Effect::CancelModel => self.answering = None,
            Effect::Append { channel, text } => {
                let due = self.writer.as_mut().is_some_and(|writer| {
                    writer.push(channel, &text);
                    writer.due().is_some_and(|due| due <= Instant::now())
                });
                if due {
                    self.flush().await?;
                }
            }
            Effect::Wait { call, millis } => {
                self.answering = None;
                self.wait = Some((call, Instant::now() + Duration::from_millis(millis)));
            }
            Effect::RecordModelStep {
                text,
                reasoning,
                calls,
                finish,
                usage,
                resumed,
            } => {
                self.answering = None;
                self.flush().await?;
                let Some(message_id) = self.writer.as_ref().map(Writer::message_id) else {
                    return Ok(());
                };
                let step = ModelStep {
                    message_id,
                    text,
                    reasoning,
                    calls,
                    finish,
                    usage,
                    additional_data: self.additional_data(resumed, None, None),
                    now: deps.clock.now(),
                };
                let entries = committed(&self.stop, || {
                    deps.store.record_model_step(fence, step.clone())
                })
                .await?;
                failpoints::reached("after_model_recorded");
                self.writer = None;
                if step.calls.iter().any(|call| call.approval.is_some()) {
                    // A permission may let some of them through, each in its turn.
                    return self.read_again().await;
                }
                self.calls = by_id(entries);
                self.feed(Input::Recorded);
            }
            // Behind another call it may come after a stop: then it is not made, and stays open for
            // whatever comes next.
            Effect::Execute { .. } if self.interrupted() => {}
            Effect::Execute { call_id } if self.can_wait(call_id) => {
                return Err(self.hand_back().await);
            }
            Effect::Execute { call_id } => self.execute_call(call_id).await?,
            Effect::Settle { call_id, outcome } => self.settle(call_id, outcome).await?,
            Effect::Abandon { call_id, why } => {
                let entry = self.calls.get(&call_id);
                let class = entry.map(|entry| entry.class);
                // Now, or under a node that died before its turn came again.
                let mut ran = entry.is_some_and(|entry| entry.state == CallState::Running);
                if let Some(abort) = self.aborts.remove(&call_id) {
                    abort.abort();
                    ran = true;
                }
                let state = match class {
                    Some(ToolClass::Effectful | ToolClass::Keyed) if ran => CallState::Unknown,
                    _ if ran => CallState::Failed,
                    _ => CallState::Denied,
                };
                let outcome = ToolOutcome::without_result(state, &why);
                committed(&self.stop, || {
                    deps.store
                        .record_outcome(fence, call_id, outcome.clone(), deps.clock.now())
                })
                .await?;
            }
            Effect::Park => self.park().await?,
            Effect::Finish(ending) => self.finish(ending).await?,
        }
        Ok(())
    }

    async fn park(&mut self) -> Result<(), Left> {
        let (deps, fence) = (self.deps, self.fence);
        let parked = committed(&self.stop, || deps.store.park(fence, deps.clock.now())).await?;
        if parked {
            self.feed(Input::Parked);
            return Ok(());
        }
        // The decision came first.
        self.read_again().await
    }

    /// Goes on from the records, which know what the machine can't.
    async fn read_again(&mut self) -> Result<(), Left> {
        let recalled = self.deps.store.recall(self.fence).await;
        let records = recalled.map_err(Left::Store)?;
        let (machine, effects) = self.machine.again(&records);
        self.machine = machine;
        self.effects = effects.into();
        self.calls = by_id(records.ledger);
        Ok(())
    }
}
