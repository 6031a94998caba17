//! `rejoinder.toml`. Unknown keys and bad values stop the start.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::{LogFormat, Registration, address};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    #[serde(default, deserialize_with = "address::listen_in_file")]
    pub listen: Option<SocketAddr>,
    pub database_url: Option<String>,
    pub public_url: Option<String>,
    pub redis_url: Option<String>,
    pub registration: Option<Registration>,
    pub model: Option<String>,
    pub secret_key: Option<SecretString>,
    pub metrics_token: Option<SecretString>,
    pub docs: Option<bool>,
    pub send_wait_seconds: Option<u64>,
    pub send_rate_per_minute: Option<u32>,
    pub drain_seconds: Option<u64>,
    pub log: Option<String>,
    pub log_format: Option<LogFormat>,
    #[serde(default)]
    pub providers: Vec<Provider>,
    #[serde(default)]
    pub tools: Vec<Tool>,
    /// Of the built-in ones.
    #[serde(default)]
    pub tool_policy: BTreeMap<String, ToolPolicy>,
    #[serde(default)]
    pub local_model: LocalModel,
    #[serde(default)]
    pub limits: Limits,
}

/// What bounds one run.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub run_steps: Option<i64>,
    pub run_tokens: Option<i64>,
    pub run_seconds: Option<u64>,
    pub model_first_token_seconds: Option<u64>,
    pub model_next_token_seconds: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    pub name: String,
    /// `openai`, `anthropic`, `gemini` or `ollama`
    pub adapter: Adapter,
    pub base_url: Option<String>,
    pub api_key: Option<SecretString>,
    pub default_model: Option<String>,
    #[serde(default)]
    pub models: Vec<String>,
    pub context_window: Option<usize>,
    #[serde(default)]
    pub prefill: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Adapter {
    OpenAi,
    Anthropic,
    Gemini,
    Ollama,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    pub name: String,
    pub description: String,
    /// JSON Schema as a table, or as JSON in a text.
    pub schema: Value,
    pub method: HttpMethod,
    pub url: String,
    #[serde(default)]
    pub headers: BTreeMap<String, SecretString>,
    pub class: Option<ToolClass>,
    pub policy: Option<ToolPolicy>,
    pub timeout_seconds: Option<u64>,
    pub idempotency_header: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    Get,
    Delete,
    Post,
    Put,
    Patch,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolClass {
    ReadOnly,
    Keyed,
    Effectful,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolPolicy {
    Allow,
    Ask,
    Deny,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalModel {
    pub enabled: Option<bool>,
    pub path: Option<PathBuf>,
    pub threads: Option<usize>,
    pub idle_minutes: Option<u64>,
}

/// The file that was named, or the one in the data directory if there is one.
pub fn read(named: Option<&Path>, data_dir: &Path) -> Result<(Option<PathBuf>, File)> {
    let usual = data_dir.join("rejoinder.toml");
    let path = match named {
        Some(path) => path.to_owned(),
        None if usual.exists() => usual,
        None => return Ok((None, File::default())),
    };
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("the configuration file {} can't be read", path.display()))?;
    let file = toml::from_str(&text)
        .with_context(|| format!("the configuration file {} is not right", path.display()))?;
    Ok((Some(path), file))
}

#[cfg(test)]
mod tests {
    use super::File;

    #[test]
    fn unknown_keys_and_bad_values_are_named() {
        for (text, word) in [
            ("listne = \"127.0.0.1:1\"", "listne"),
            ("listen = \"localhost:80\"", "127.0.0.1:8080"),
            ("registration = \"sometimes\"", "sometimes"),
            (
                "[[providers]]\nname = \"x\"\nadapter = \"telepathy\"",
                "telepathy",
            ),
            ("[local_model]\nthread = 1", "thread"),
            ("[limits]\nrun_stps = 1", "run_stps"),
            ("[tool_policy]\ntodo_add = \"maybe\"", "todo_add"),
            (
                "[tool_policy]\ntodo_add = \"maybe\"",
                "`allow`, `ask`, `deny`",
            ),
        ] {
            let error = toml::from_str::<File>(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
