//! A model of a configured provider.

use std::sync::Arc;

use agent::ports::{Model, ModelError, ModelInfo, ModelRequest, ModelStream};
use async_trait::async_trait;

use crate::config::Adapter;
use crate::provider::Provider;
use crate::{anthropic, gemini, openai};

pub struct RemoteModel {
    info: ModelInfo,
    provider: Arc<Provider>,
}

impl RemoteModel {
    pub(crate) fn new(provider: Arc<Provider>, model: &str) -> Self {
        Self {
            info: provider.info(model),
            provider,
        }
    }
}

#[async_trait]
impl Model for RemoteModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn answer(&self, mut request: ModelRequest) -> Result<ModelStream, ModelError> {
        request.prefill = request
            .prefill
            .filter(|text| self.info.prefill && !text.is_empty());
        let model = &self.info.label;
        match self.provider.config.adapter {
            Adapter::OpenAi | Adapter::Ollama => {
                openai::answer(&self.provider, model, request).await
            }
            Adapter::Anthropic => anthropic::answer(&self.provider, model, request).await,
            Adapter::Gemini => gemini::answer(&self.provider, model, request).await,
        }
    }
}

/// PostgreSQL cannot store NUL in text, and nobody can read it.
pub(crate) fn clean(text: &str) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text.to_owned()
    }
}
