//! The end of a run, and what is done after it.

use domain::store::Finish;
use domain::{FinishReason, RunState};
use serde_json::{Map, Value, json};

use super::{Driver, Left, committed};
use crate::machine::Ending;
use crate::{failpoints, title};

impl Driver<'_> {
    pub(super) async fn finish(&mut self, ending: Ending) -> Result<(), Left> {
        self.answering = None;
        self.flush().await?;
        self.completed = ending.state == RunState::Completed;
        let finish = Finish {
            state: ending.state,
            message_status: ending.message_status,
            text: Some(ending.text),
            reasoning: Some(ending.reasoning),
            usage: ending.usage,
            error: ending.error,
            additional_data: self.additional_data(ending.resumed, ending.limit, ending.finish),
            now: self.deps.clock.now(),
        };
        let (deps, fence) = (self.deps, self.fence);
        failpoints::reached("before_finish");
        committed(&self.stop, || deps.store.finish(fence, finish.clone())).await?;
        failpoints::reached("after_finish");
        self.stop.ended.notify_one();
        Ok(())
    }

    /// What a message says of how it came about.
    pub(super) fn additional_data(
        &self,
        resumed: bool,
        limit: Option<&'static str>,
        finish: Option<FinishReason>,
    ) -> Value {
        let mut data = Map::new();
        if let Some(model) = &self.model {
            data.insert("model".to_owned(), json!(model.info().id));
            if model.info().built_in {
                data.insert("built_in".to_owned(), json!(true));
            }
        }
        if resumed {
            data.insert("resumed".to_owned(), json!(true));
        }
        if let Some(limit) = limit {
            data.insert("limit".to_owned(), json!(limit));
        }
        if let Some(finish) = finish.filter(|finish| *finish != FinishReason::Stop) {
            data.insert("finish".to_owned(), json!(finish));
        }
        if let Some(message) = self.omitted_before {
            data.insert("context".to_owned(), json!({ "omitted_before": message.0 }));
        }
        Value::Object(data)
    }

    /// A title by the model for a new conversation. Nothing depends on it.
    pub(super) async fn after(&mut self) {
        let Some(model) = self.model.clone().filter(|model| !model.info().built_in) else {
            return;
        };
        if !self.completed {
            return;
        }
        let title = title::suggest(self.deps, &self.run, &*model);
        tokio::select! {
            () = title => {}
            () = self.stop.draining.cancelled() => {}
        }
    }
}
