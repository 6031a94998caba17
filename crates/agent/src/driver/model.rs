//! The model call in flight.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use tokio::time::timeout;

use super::{Driver, Left};
use crate::machine::Input;
use crate::ports::{Model, ModelChunk, ModelError, ModelErrorKind, ModelRequest, ModelStream};
use crate::{calls, context, failpoints};

pub(super) struct Answering {
    call: u64,
    stream: ModelStream,
    /// For the next chunk.
    patience: Duration,
    first_chunk: Duration,
    next_chunk: Duration,
}

/// What came of a model call, and of which.
pub(super) struct Came {
    call: u64,
    chunk: Option<Result<ModelChunk, ModelError>>,
}

/// The next chunk; never, when no call is in flight. Cancel-safe.
pub(super) async fn next(answering: Option<&mut Answering>) -> Came {
    let Some(answering) = answering else {
        return std::future::pending().await;
    };
    let chunk = timeout(answering.patience, answering.stream.next())
        .await
        .unwrap_or_else(|_| {
            Some(Err(ModelError::new(
                ModelErrorKind::Stalled,
                format!(
                    "The model sent nothing for {} seconds. Try again, or choose another model.",
                    answering.patience.as_secs()
                ),
            )))
        });
    let waits = matches!(chunk, Some(Ok(ModelChunk::Queued { .. })));
    answering.patience = if waits {
        answering.first_chunk
    } else {
        answering.next_chunk
    };
    Came {
        call: answering.call,
        chunk,
    }
}

impl Driver<'_> {
    pub(super) async fn call_model(
        &mut self,
        call: u64,
        tools: bool,
        prefill: Option<String>,
    ) -> Result<(), Left> {
        let model = match self.chosen_model().await? {
            Some(Ok(model)) => model,
            Some(Err(error)) => {
                self.feed(Input::ModelFailed { call, error });
                return Ok(());
            }
            None => return Ok(()),
        };
        let request = self.request(&model, tools, prefill).await?;
        failpoints::reached("before_model");
        let limits = &self.deps.limits;
        self.answering = Some(Answering {
            call,
            stream: futures::stream::once(async move { model.answer(request).await })
                .try_flatten()
                .boxed(),
            patience: limits.first_chunk,
            first_chunk: limits.first_chunk,
            next_chunk: limits.next_chunk,
        });
        Ok(())
    }

    async fn request(
        &mut self,
        model: &Arc<dyn Model>,
        tools: bool,
        prefill: Option<String>,
    ) -> Result<ModelRequest, Left> {
        let info = model.info();
        let offered = if tools && info.tools {
            self.deps.tools.offered()
        } else {
            Vec::new()
        };
        let leaf = self
            .writer
            .as_ref()
            .map_or(self.run.ai_message_id, |w| w.message_id());
        let (mut history, cut) = self
            .deps
            .store
            .history(
                self.run.user_id,
                self.run.conversation_id,
                leaf,
                context::history_bytes(info),
            )
            .await
            .map_err(Left::Store)?;
        // The answer that is being written is no part of what it answers.
        history.retain(|message| message.id != leaf);
        let context = context::build(info, &offered, &history, cut);
        self.omitted_before = context.omitted_before;
        Ok(ModelRequest {
            conversation_id: self.run.conversation_id,
            run_id: self.run.run_id,
            system: context.system,
            messages: context.messages,
            tools: offered,
            prefill,
            max_output_tokens: u32::try_from(context::output_tokens(info)).ok(),
        })
    }

    pub(super) fn take_chunk(&mut self, came: Came) {
        let call = came.call;
        match came.chunk {
            Some(Ok(ModelChunk::End {
                calls,
                finish,
                usage,
            })) => {
                self.answering = None;
                let mut calls = calls::ready(calls, &*self.deps.ids);
                self.check_calls(&mut calls);
                self.feed(Input::End {
                    call,
                    calls,
                    finish,
                    usage,
                });
            }
            Some(Ok(chunk)) => self.feed(Input::Chunk {
                call,
                chunk: without_nul(chunk),
            }),
            Some(Err(error)) => {
                self.answering = None;
                self.feed(Input::ModelFailed { call, error });
            }
            None => {
                self.answering = None;
                let error = ModelError::new(
                    ModelErrorKind::Interrupted,
                    "The connection to the model broke off. What it said until then is kept; try \
                     again for a whole answer.",
                );
                self.feed(Input::ModelFailed { call, error });
            }
        }
    }
}

/// NUL can't be stored on every database, and means nothing in a text.
fn without_nul(chunk: ModelChunk) -> ModelChunk {
    let clean = |text: String| {
        if text.contains('\0') {
            text.replace('\0', "\u{fffd}")
        } else {
            text
        }
    };
    match chunk {
        ModelChunk::Text(text) => ModelChunk::Text(clean(text)),
        ModelChunk::Reasoning(text) => ModelChunk::Reasoning(clean(text)),
        ModelChunk::ToolArguments(text) => ModelChunk::ToolArguments(clean(text)),
        other @ (ModelChunk::Queued { .. } | ModelChunk::End { .. }) => other,
    }
}
