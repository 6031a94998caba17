//! How a run ends, of itself or by its user's word, its limits or a failure.

use domain::{FinishReason, MessageStatus, RunError, RunState};

use super::{Answer, Effect, Ending, Machine, Phase};

impl Machine {
    pub(super) fn cancel(&mut self) -> Vec<Effect> {
        let mut effects = self.abandon("The user stopped this answer.");
        let ending = self.ending(RunState::Cancelled, MessageStatus::Cancelled);
        effects.push(Effect::Finish(ending));
        effects
    }

    /// What the model is saying is its answer. Where its tools took the time it is asked once more,
    /// without them, and answers from what they found.
    pub(super) fn out_of_time(&mut self) -> Vec<Effect> {
        let asked = matches!(self.phase, Phase::Calling | Phase::Waiting);
        let said = asked && !self.answer.stale && !self.answer.text.is_empty();
        let tools = matches!(self.phase, Phase::Tools | Phase::Recording);
        let again = asked && !said && self.model_calls > 0 && self.last_call.is_none();
        let mut effects = self.abandon("The answer took too long.");
        if said {
            effects.push(self.complete(Some("time"), FinishReason::Length));
        } else if tools {
            self.last_call = Some("time");
            self.phase = Phase::Preparing;
        } else if again {
            self.last_call = Some("time");
            // Half a thought of the call before stays until this one speaks.
            self.answer.stale |= std::mem::take(&mut self.answer.spoken);
            effects.extend(self.call_model());
        } else {
            let detail = "The answer took longer than this server allows. Ask again, or ask for \
                          less at a time.";
            effects.push(self.fail_at_limit("time", detail));
        }
        effects
    }

    /// Ends with what was said until the limit, if anything was.
    pub(super) fn at_limit(&mut self, limit: &'static str, finish: FinishReason) -> Effect {
        if self.answer.text.is_empty() {
            let detail = "The model reached a limit of this server before it said anything. Ask \
                          for less at a time, or choose another model.";
            self.fail_at_limit(limit, detail)
        } else {
            self.complete(Some(limit), finish)
        }
    }

    pub(super) fn fail_at_limit(&mut self, limit: &'static str, detail: &str) -> Effect {
        let ending = self.ending(RunState::Failed, MessageStatus::Failed);
        Effect::Finish(Ending {
            limit: Some(limit),
            error: Some(RunError {
                code: "limit_reached".to_owned(),
                detail: detail.to_owned(),
                retryable: true,
            }),
            ..ending
        })
    }

    /// Stops what is going on and settles what is open, so that the run can end.
    pub(super) fn abandon(&mut self, why: &str) -> Vec<Effect> {
        let mut effects = match self.phase {
            Phase::Calling => vec![Effect::CancelModel],
            _ => Vec::new(),
        };
        if matches!(self.phase, Phase::Tools | Phase::Recording) {
            let open = std::mem::take(&mut self.open);
            effects.extend(open.iter().map(|call| Effect::Abandon {
                call_id: call.call_id,
                why: why.to_owned(),
            }));
            // The end is shown in a message of its own, after the results.
            self.answer = Answer::default();
            effects.push(Effect::BeginAnswer);
        }
        effects
    }

    pub(super) fn complete(&mut self, limit: Option<&'static str>, finish: FinishReason) -> Effect {
        let ending = self.ending(RunState::Completed, MessageStatus::Complete);
        Effect::Finish(Ending {
            limit,
            finish: Some(finish),
            ..ending
        })
    }

    pub(super) fn fail(&mut self, error: RunError) -> Effect {
        let ending = self.ending(RunState::Failed, MessageStatus::Failed);
        Effect::Finish(Ending {
            error: Some(error),
            ..ending
        })
    }

    pub(super) fn ending(&mut self, state: RunState, message_status: MessageStatus) -> Ending {
        self.phase = Phase::Finished;
        Ending {
            state,
            message_status,
            text: std::mem::take(&mut self.answer.text),
            reasoning: std::mem::take(&mut self.answer.reasoning),
            usage: self.usage,
            error: None,
            limit: None,
            finish: None,
            resumed: self.resumed,
        }
    }
}

pub(super) fn empty_answer(cut: bool) -> RunError {
    let detail = if cut {
        "The model reached its output limit before it said anything. Ask for a shorter answer, or \
         choose another model."
    } else {
        "The model ended without an answer. Try again, or choose another model."
    };
    RunError {
        code: "model_protocol".to_owned(),
        detail: detail.to_owned(),
        retryable: true,
    }
}
