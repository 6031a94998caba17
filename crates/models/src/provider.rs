//! A checked provider and what has been learned about it since the start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use agent::ports::{ModelError, ModelInfo};
use reqwest::{Client, Url};

use crate::client::Clients;
use crate::config::{Adapter, ConfigError, ProviderConfig, check_name, endpoint};
use crate::failure::Subject;
use crate::listing::Asked;

/// Models remembered as unable to take tools.
const NO_TOOLS: usize = 256;

pub(crate) struct Provider {
    pub(crate) config: ProviderConfig,
    /// Without a trailing slash.
    pub(crate) endpoint: String,
    pub(crate) host: String,
    clients: Clients,
    learned: Mutex<Learned>,
    /// How the last question for the list ended.
    pub(crate) asked: tokio::sync::Mutex<Option<Asked>>,
}

#[derive(Default)]
struct Learned {
    no_tools: BTreeSet<String>,
    no_usage_option: bool,
    /// From the last list that came: name and, where told, its window.
    listed: BTreeMap<String, Option<usize>>,
}

impl Provider {
    pub(crate) fn new(config: ProviderConfig) -> Result<Self, ConfigError> {
        check_name(&config.name)?;
        let endpoint = endpoint(&config)?;
        let host = Url::parse(&endpoint)
            .ok()
            .and_then(|url| {
                let host = url.host_str()?.to_owned();
                Some(
                    url.port()
                        .map_or_else(|| host.clone(), |port| format!("{host}:{port}")),
                )
            })
            .unwrap_or_default();
        Ok(Self {
            config,
            endpoint,
            host,
            clients: Clients::default(),
            learned: Mutex::default(),
            asked: tokio::sync::Mutex::default(),
        })
    }

    pub(crate) fn client(&self) -> Result<Client, ModelError> {
        self.clients.get(&self.endpoint)
    }

    pub(crate) fn subject(&self, model: &str) -> Subject {
        Subject {
            provider: self.config.name.clone(),
            model: model.to_owned(),
            host: self.host.clone(),
            key: self.config.api_key.clone(),
        }
    }

    pub(crate) fn info(&self, model: &str) -> ModelInfo {
        let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let listed_window = learned.listed.get(model).copied().flatten();
        let own = self.endpoint == self.config.adapter.default_base_url();
        ModelInfo {
            id: format!("{}/{model}", self.config.name),
            label: model.to_owned(),
            provider: self.config.name.clone(),
            built_in: false,
            context_window: self
                .config
                .context_window
                .or(listed_window)
                .unwrap_or_else(|| self.config.adapter.default_context_window(own)),
            tools: !learned.no_tools.contains(model),
            prefill: self.config.prefill,
        }
    }

    pub(crate) fn remember_list(&self, models: Vec<(String, Option<usize>)>) {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        learned.listed = models.into_iter().collect();
    }

    pub(crate) fn remember_no_tools(&self, model: &str) {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        if learned.no_tools.len() < NO_TOOLS {
            learned.no_tools.insert(model.to_owned());
        }
    }

    pub(crate) fn takes_tools(&self, model: &str) -> bool {
        let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        !learned.no_tools.contains(model)
    }

    pub(crate) fn remember_no_usage_option(&self) {
        self.learned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .no_usage_option = true;
    }

    pub(crate) fn takes_usage_option(&self) -> bool {
        !self
            .learned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .no_usage_option
    }

    /// Configured ones in their order, then listed ones by name.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = vec![];
        let configured = self.config.default_model.iter().chain(&self.config.models);
        let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        for name in configured.chain(learned.listed.keys()) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    /// What answers when only the provider is known: the operator's word, then the vendor's usual
    /// model, then the first of the endpoint's own list. `None` as long as that has not come.
    pub(crate) fn default_model(&self) -> Option<String> {
        let mut configured = self.config.default_model.iter().chain(&self.config.models);
        configured
            .next()
            .cloned()
            .or_else(|| self.vendors_own().map(str::to_owned))
            .or_else(|| self.names().into_iter().next())
    }

    fn vendors_own(&self) -> Option<&'static str> {
        if self.endpoint != self.config.adapter.default_base_url() {
            return None;
        }
        match self.config.adapter {
            Adapter::OpenAi => Some("gpt-5-mini"),
            Adapter::Anthropic => Some("claude-sonnet-4-6"),
            Adapter::Gemini => Some("gemini-flash-latest"),
            Adapter::Ollama => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendors_usual_model_stays_the_default_whatever_is_listed() {
        let default = |base_url: &str| {
            let provider = Provider::new(ProviderConfig {
                name: "p".into(),
                adapter: Adapter::OpenAi,
                base_url: base_url.into(),
                api_key: None,
                default_model: None,
                models: vec![],
                context_window: None,
                prefill: false,
            });
            let provider = provider.unwrap();
            provider.remember_list(vec![("a-model".into(), None)]);
            provider.default_model()
        };
        assert_eq!(default("").as_deref(), Some("gpt-5-mini"));
        assert_eq!(default("http://other/v1").as_deref(), Some("a-model"));
    }
}
