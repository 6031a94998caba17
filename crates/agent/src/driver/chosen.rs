//! Which model answers: decided once per run, and recorded before it says a word.

use std::sync::Arc;

use domain::store::OpenAnswer;

use super::{Driver, Left, Stop, committed};
use crate::ports::{Model, ModelError};

impl Driver<'_> {
    /// Begins the answer, under the name of the model where that is known.
    pub(super) async fn begin_answer(&mut self) -> Result<OpenAnswer, Left> {
        let (deps, fence) = (self.deps, self.fence);
        let model = self.model.as_ref().map(|model| model.info().id.clone());
        let open = committed(&self.stop, || {
            deps.store
                .begin_answer(fence, model.as_deref(), deps.clock.now())
        })
        .await?;
        if self.run.model.is_none() {
            self.run.model = model;
        }
        Ok(open)
    }

    /// The run's model. `None` when the driver was told to stop while a provider was being asked:
    /// the loop sees what for.
    pub(super) async fn chosen_model(
        &mut self,
    ) -> Result<Option<Result<Arc<dyn Model>, ModelError>>, Left> {
        if let Some(model) = &self.model {
            return Ok(Some(Ok(Arc::clone(model))));
        }
        if let Some(error) = &self.model_error {
            return Ok(Some(Err(error.clone())));
        }
        let asked = tokio::select! {
            biased;
            () = told(&self.stop) => return Ok(None),
            asked = self.deps.models.default_model() => asked,
        };
        let model = match asked {
            Ok(model) => model,
            // Not kept: the machine may try again, and the endpoint be there by then.
            Err(error) => return Ok(Some(Err(error))),
        };
        self.model = Some(Arc::clone(&model));
        self.begin_answer().await?;
        Ok(Some(Ok(model)))
    }
}

/// As soon as the driver is to leave its run, for whatever reason.
async fn told(stop: &Stop) {
    tokio::select! {
        () = stop.lost.cancelled() => {}
        () = stop.cancel.cancelled() => {}
        () = stop.hand_back.cancelled() => {}
    }
}
