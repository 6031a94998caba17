//! All models that this server can use.

use std::sync::Arc;

use agent::ports::{
    Model, ModelCatalog, ModelError, ModelErrorKind, ModelInfo, ModelList, Unlisted,
};
use async_trait::async_trait;
use futures::future::join_all;

use crate::config::{ConfigError, ProviderConfig, model_name_is_plain};
use crate::listing;
use crate::provider::Provider;
use crate::remote::RemoteModel;

/// Provider part of the ids of models that run in this process.
pub const LOCAL_PROVIDER: &str = "local";

pub struct Catalog {
    providers: Vec<Arc<Provider>>,
    local: Vec<Arc<dyn Model>>,
    default_id: Option<String>,
}

impl Catalog {
    /// `default_id` is what the operator chose (`provider/model`), `local` what runs in this
    /// process.
    ///
    /// # Errors
    /// A provider's name, base URL or model name that can't be used, or a name used twice.
    pub fn new(
        providers: Vec<ProviderConfig>,
        default_id: Option<String>,
        local: Vec<Arc<dyn Model>>,
    ) -> Result<Self, ConfigError> {
        let mut made: Vec<Arc<Provider>> = vec![];
        for config in providers {
            let name = config.name.clone();
            if name == LOCAL_PROVIDER || made.iter().any(|other| other.config.name == name) {
                return Err(ConfigError(format!(
                    "provider name \"{name}\" is already taken; choose another"
                )));
            }
            let names = config.default_model.iter().chain(&config.models);
            if let Some(bad) = names.into_iter().find(|model| !model_name_is_plain(model)) {
                return Err(ConfigError(format!(
                    "provider {name}: model name \"{bad}\" is not allowed; give it as the provider lists it, without \"{name}/\""
                )));
            }
            made.push(Arc::new(Provider::new(config)?));
        }
        if let Some(id) = &default_id
            && !id
                .split_once('/')
                .is_some_and(|(_, model)| model_name_is_plain(model))
        {
            return Err(ConfigError(format!(
                "model \"{id}\" is not of the form provider/model, such as openai/gpt-5-mini"
            )));
        }
        if let Some(id) = &default_id
            && id.split('/').next() == Some(LOCAL_PROVIDER)
            && !local.iter().any(|model| model.info().id == *id)
        {
            let there = match local.first() {
                Some(model) => format!("there is {}", model.info().id),
                None => "there is none in this server".to_owned(),
            };
            return Err(ConfigError(format!(
                "model \"{id}\" is not a built-in model; {there}. A file is named as local/PATH.gguf"
            )));
        }
        if let Some(id) = &default_id {
            let provider = id.split('/').next().unwrap_or_default();
            let mut known: Vec<&str> = made.iter().map(|p| p.config.name.as_str()).collect();
            if provider != LOCAL_PROVIDER && !known.contains(&provider) {
                known.push(LOCAL_PROVIDER);
                return Err(ConfigError(format!(
                    "model \"{id}\" names the provider \"{provider}\", which is not configured; there are: {}",
                    known.join(", ")
                )));
            }
        }
        Ok(Self {
            providers: made,
            local,
            default_id,
        })
    }

    fn known_providers(&self) -> String {
        let names: Vec<&str> = self
            .providers
            .iter()
            .map(|p| p.config.name.as_str())
            .collect();
        if names.is_empty() {
            "No provider is configured".to_owned()
        } else {
            format!("Configured: {}", names.join(", "))
        }
    }

    /// All providers, at the same time.
    async fn refresh(&self) -> Vec<Unlisted> {
        let asked = self.providers.iter().map(|provider| async {
            let error = listing::refresh(provider).await.err()?;
            Some(Unlisted {
                provider: provider.config.name.clone(),
                error,
            })
        });
        join_all(asked).await.into_iter().flatten().collect()
    }
}

fn not_configured(detail: String) -> ModelError {
    ModelError::new(ModelErrorKind::NotConfigured, detail)
}

#[async_trait]
impl ModelCatalog for Catalog {
    async fn list(&self) -> ModelList {
        let unlisted = self.refresh().await;
        let remote = self.providers.iter().flat_map(|provider| {
            provider
                .names()
                .into_iter()
                .map(|name| provider.info(&name))
                .collect::<Vec<_>>()
        });
        let mut models: Vec<ModelInfo> = vec![];
        let chosen = self.default_id().and_then(|id| self.model(&id).ok());
        let first = chosen.map(|model| model.info().clone());
        let local = self.local.iter().map(|model| model.info().clone());
        for info in first.into_iter().chain(remote).chain(local) {
            if !models.iter().any(|other| other.id == info.id) {
                models.push(info);
            }
        }
        ModelList { models, unlisted }
    }

    fn default_id(&self) -> Option<String> {
        if let Some(chosen) = &self.default_id {
            return Some(chosen.clone());
        }
        // The first provider's or none: whoever connects an endpoint wants it to answer, and is told
        // when it can't, instead of getting the words of another one.
        match self.providers.first() {
            Some(provider) => {
                let model = provider.default_model()?;
                Some(format!("{}/{model}", provider.config.name))
            }
            None => self.local.first().map(|model| model.info().id.clone()),
        }
    }

    async fn default_model(&self) -> Result<Arc<dyn Model>, ModelError> {
        if let Some(id) = self.default_id() {
            return self.model(&id);
        }
        let Some(provider) = self.providers.first() else {
            return Err(not_configured(
                "No model is configured. Set OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY or OLLAMA_HOST, or run `rejoinder model pull` for the built-in one, and start again."
                    .to_owned(),
            ));
        };
        let name = &provider.config.name;
        listing::refresh(provider).await.map_err(|mut error| {
            // An endpoint that has no list can be used all the same.
            if !error.kind.transient() && error.kind != ModelErrorKind::Auth {
                error.detail = format!(
                    "{} Or name the model that is to answer: --model {name}/NAME.",
                    error.detail
                );
            }
            error
        })?;
        let model = provider.default_model().ok_or_else(|| {
            not_configured(format!(
                "{name} at {} has no model that can chat. Load one there, or choose another model.",
                provider.host
            ))
        })?;
        Ok(Arc::new(RemoteModel::new(Arc::clone(provider), &model)))
    }

    fn model(&self, id: &str) -> Result<Arc<dyn Model>, ModelError> {
        if let Some(model) = self.local.iter().find(|model| model.info().id == id) {
            return Ok(Arc::clone(model));
        }
        let Some((provider, model)) = id.split_once('/') else {
            return Err(not_configured(format!(
                "\"{}\" is not the name of a model. Names look like provider/model.",
                short(id)
            )));
        };
        if provider == LOCAL_PROVIDER {
            return Err(not_configured(format!(
                "The built-in model {} is not here. Run `rejoinder model pull`, start again, or choose another model.",
                short(model)
            )));
        }
        let Some(provider) = self.providers.iter().find(|p| p.config.name == provider) else {
            return Err(not_configured(format!(
                "Provider \"{}\" is not configured on this server. {}. Choose another model.",
                short(provider),
                self.known_providers()
            )));
        };
        if !model_name_is_plain(model) {
            return Err(not_configured(format!(
                "\"{}\" can't be a model of {}. Choose another model.",
                short(model),
                provider.config.name
            )));
        }
        Ok(Arc::new(RemoteModel::new(Arc::clone(provider), model)))
    }
}

/// For quoting what somebody typed.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}
