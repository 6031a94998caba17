//! Tool calls: intent first, then the call, then its outcome.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use domain::limits::{TOOL_CALL_MS, TOOL_RESULT_STORED_BYTES};
use domain::sabotage::{Mechanism, sabotaged};
use domain::step::ToolOutcome;
use domain::{CallId, CallState, StoreError, ToolClass};
use futures::future::abortable;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{Driver, Left, committed};
use crate::context::shortened;
use crate::failpoints;
use crate::machine::{Input, NewCall};
use crate::ports::{ToolContext, ToolError, ToolPlan};

/// Between two looks at a lease that is over: the scheduler renews it every few seconds.
const LEASE_LOOK: Duration = Duration::from_millis(50);

/// `None` when the call was dropped.
pub(super) struct Finished {
    call_id: CallId,
    result: Option<Result<Value, ToolError>>,
    /// It ran into its deadline: an effect may have happened.
    late: bool,
}

pub(super) type Running = Pin<Box<dyn Future<Output = Finished> + Send>>;

impl Driver<'_> {
    fn tool_context(&self, call_id: CallId, key: CallId) -> ToolContext {
        ToolContext {
            user_id: self.run.user_id,
            conversation_id: self.run.conversation_id,
            run_id: self.run.run_id,
            call_id,
            key,
            time_zone: self
                .run
                .time_zone
                .clone()
                .unwrap_or_else(|| "UTC".to_owned()),
            clock: Arc::clone(&self.deps.clock),
        }
    }

    /// Finds calls that their tool would refuse, before anybody is asked to approve them. A plan
    /// that is not carried out does nothing.
    pub(super) fn check_calls(&self, calls: &mut [NewCall]) {
        for new in calls.iter_mut().filter(|new| new.defect.is_none()) {
            let Some(tool) = self.deps.tools.get(&new.call.name) else {
                continue;
            };
            let context = self.tool_context(new.call.call_id, new.call.call_id);
            new.defect = tool
                .plan(&context, &new.call.arguments)
                .err()
                .map(|error| error.detail);
        }
    }

    pub(super) async fn execute_call(&mut self, call_id: CallId) -> Result<(), Left> {
        let (deps, fence) = (self.deps, self.fence);
        let Some(entry) = self.calls.get(&call_id).cloned() else {
            return self
                .settle(call_id, ToolOutcome::failed("The call is not known."))
                .await;
        };
        let Some(tool) = deps.tools.get(&entry.tool_name) else {
            return self
                .settle(
                    call_id,
                    ToolOutcome::failed("There is no tool of this name."),
                )
                .await;
        };
        let plan = match tool.plan(&self.tool_context(call_id, entry.key), &entry.arguments) {
            Ok(plan) => plan,
            Err(error) => {
                return self
                    .settle(call_id, ToolOutcome::failed(&error.detail))
                    .await;
            }
        };
        match plan {
            ToolPlan::Commit(command) => {
                let done = committed(&self.stop, || {
                    deps.store
                        .commit_command(fence, call_id, command.clone(), deps.clock.now())
                })
                .await;
                if !self.unless_stopped(done)? {
                    return Ok(());
                }
                failpoints::reached("after_result");
                self.feed(Input::Outcome { call_id });
            }
            ToolPlan::Call(call) => {
                if !sabotaged(Mechanism::IntentBeforeCall) {
                    let leaves = committed(&self.stop, || {
                        deps.store.call_running(fence, call_id, deps.clock.now())
                    })
                    .await;
                    if !self.unless_stopped(leaves)? {
                        return Ok(());
                    }
                }
                failpoints::reached("after_intent");
                // Between this check and the effect a pause of the whole process can still fall;
                // the promise names that window.
                self.leased().await?;
                let (call, abort) = abortable(call);
                self.aborts.insert(call_id, abort);
                self.running.push(Box::pin(async move {
                    match timeout(Duration::from_millis(TOOL_CALL_MS), call).await {
                        Ok(done) => Finished {
                            call_id,
                            result: done.ok(),
                            late: false,
                        },
                        Err(_) => Finished {
                            call_id,
                            result: None,
                            late: true,
                        },
                    }
                }));
            }
        }
        Ok(())
    }

    /// Whether the call may begin: `false` where the user's stop was recorded before. Its word may
    /// still be under way, and is taken from here then.
    fn unless_stopped<T>(&self, written: Result<T, Left>) -> Result<bool, Left> {
        match written {
            Ok(_) => Ok(true),
            Err(Left::Store(StoreError::Stopped)) => {
                self.stop.cancel.cancel();
                Ok(false)
            }
            Err(left) => Err(left),
        }
    }

    /// Waits for a renewal where the lease may have run out, after a disk that was full for instance:
    /// either the run is still ours, or it is lost. It is not given up here: its call is written down
    /// as one that may have left.
    async fn leased(&mut self) -> Result<(), Left> {
        while !self.deps.lease.holds(self.claimed) {
            tokio::select! {
                () = sleep(LEASE_LOOK) => {}
                () = self.stop.lost.cancelled() => return Err(Left::Lost),
                () = self.stop.hand_back.cancelled() => return Err(Left::HandedBack),
            }
        }
        if self.stop.lost.is_cancelled() {
            return Err(Left::Lost);
        }
        Ok(())
    }

    pub(super) async fn tool_finished(&mut self, finished: Finished) -> Result<(), Left> {
        let call_id = finished.call_id;
        if self.aborts.remove(&call_id).is_none() {
            return Ok(());
        }
        failpoints::reached("after_effect");
        let class = self.calls.get(&call_id).map(|entry| entry.class);
        let leaves_traces = matches!(class, Some(ToolClass::Effectful | ToolClass::Keyed));
        let outcome = match finished.result {
            Some(Ok(result)) => ToolOutcome {
                state: CallState::Succeeded,
                result: bounded(result),
            },
            Some(Err(error)) if error.unknown && leaves_traces => {
                ToolOutcome::without_result(CallState::Unknown, &error.detail)
            }
            Some(Err(error)) => ToolOutcome::failed(&error.detail),
            None if finished.late && leaves_traces => ToolOutcome::without_result(
                CallState::Unknown,
                "The tool did not answer in time. It may or may not have happened.",
            ),
            None => ToolOutcome::failed("The tool did not answer in time."),
        };
        self.settle(call_id, outcome).await
    }

    pub(super) async fn settle(
        &mut self,
        call_id: CallId,
        outcome: ToolOutcome,
    ) -> Result<(), Left> {
        let (deps, fence) = (self.deps, self.fence);
        committed(&self.stop, || {
            deps.store
                .record_outcome(fence, call_id, outcome.clone(), deps.clock.now())
        })
        .await?;
        failpoints::reached("after_result");
        self.feed(Input::Outcome { call_id });
        Ok(())
    }
}

/// A result that is stored and shown; what the model sees of it is shorter still.
fn bounded(result: Value) -> Value {
    let text = result.to_string();
    if text.len() <= TOOL_RESULT_STORED_BYTES && !text.contains("\\u0000") {
        return result;
    }
    json!({ "shortened": shortened(&text, TOOL_RESULT_STORED_BYTES).replace("\\u0000", "\\ufffd") })
}
