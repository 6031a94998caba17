//! Providers of models: the file's, then those that the ecosystem's own variables name.

use anyhow::{Result, bail};
use models::{Adapter, ProviderConfig};

use super::environment::{secret, variable};
use super::file;

/// In order: the first one's default model is the default.
pub fn all(configured: Vec<file::Provider>) -> Result<Vec<ProviderConfig>> {
    let mut providers: Vec<ProviderConfig> = configured.into_iter().map(from_file).collect();
    for found in from_environment()? {
        if !providers.iter().any(|provider| provider.name == found.name) {
            providers.push(found);
        }
    }
    Ok(providers)
}

fn from_file(provider: file::Provider) -> ProviderConfig {
    let adapter = match provider.adapter {
        file::Adapter::OpenAi => Adapter::OpenAi,
        file::Adapter::Anthropic => Adapter::Anthropic,
        file::Adapter::Gemini => Adapter::Gemini,
        file::Adapter::Ollama => Adapter::Ollama,
    };
    ProviderConfig {
        name: provider.name,
        adapter,
        base_url: provider.base_url.unwrap_or_default(),
        api_key: provider.api_key,
        default_model: provider.default_model,
        models: provider.models,
        context_window: provider.context_window,
        prefill: provider.prefill,
    }
}

fn from_environment() -> Result<Vec<ProviderConfig>> {
    let mut found = Vec::new();
    let (openai_url, openai_key) = (variable("OPENAI_BASE_URL"), secret("OPENAI_API_KEY"));
    if openai_url.is_some() || openai_key.is_some() {
        let base_url = openai_url.unwrap_or_default();
        found.push(ProviderConfig {
            base_url,
            api_key: openai_key,
            ..provider("openai", Adapter::OpenAi)
        });
    }
    if let Some(key) = secret("ANTHROPIC_API_KEY") {
        let api_key = Some(key);
        found.push(ProviderConfig {
            api_key,
            ..provider("anthropic", Adapter::Anthropic)
        });
    }
    if let Some(key) = secret("GEMINI_API_KEY") {
        let api_key = Some(key);
        found.push(ProviderConfig {
            api_key,
            ..provider("gemini", Adapter::Gemini)
        });
    }
    if let Some(host) = variable("OLLAMA_HOST") {
        if host.contains(char::is_whitespace) {
            bail!("OLLAMA_HOST is `{host}`; it must be an address such as http://127.0.0.1:11434");
        }
        // OLLAMA_HOST may be the address that the server itself binds.
        let base_url = host.replace("0.0.0.0", "127.0.0.1");
        found.push(ProviderConfig {
            base_url,
            ..provider("ollama", Adapter::Ollama)
        });
    }
    Ok(found)
}

/// The vendor's own endpoint, with the default model that `models` knows for it.
fn provider(name: &str, adapter: Adapter) -> ProviderConfig {
    ProviderConfig {
        name: name.to_owned(),
        adapter,
        base_url: String::new(),
        api_key: None,
        default_model: None,
        models: Vec::new(),
        context_window: None,
        prefill: false,
    }
}
