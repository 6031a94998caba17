//! What the operator says about a provider.

use reqwest::Url;
use secrecy::SecretString;

/// The protocol that an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adapter {
    /// `POST {base_url}/chat/completions`: OpenAI, llama.cpp, vLLM, OpenRouter, Groq, …
    OpenAi,
    /// `POST {base_url}/messages`
    Anthropic,
    /// `POST {base_url}/models/{model}:streamGenerateContent`
    Gemini,
    /// Ollama's OpenAI-compatible part for answers, its own `/api/tags` for the list.
    Ollama,
}

impl Adapter {
    /// Where the vendor itself listens.
    #[must_use]
    pub fn default_base_url(self) -> &'static str {
        match self {
            Self::OpenAi => "https://api.openai.com/v1",
            Self::Anthropic => "https://api.anthropic.com/v1",
            Self::Gemini => "https://generativelanguage.googleapis.com/v1beta",
            Self::Ollama => "http://127.0.0.1:11434",
        }
    }

    /// Tokens assumed where nobody said otherwise; on the safe side, because a prompt that is too
    /// long is refused (or, by Ollama, silently cut).
    pub(crate) fn default_context_window(self, own_endpoint: bool) -> usize {
        match (self, own_endpoint) {
            (Self::OpenAi, true) => 128_000,
            (Self::OpenAi, false) => 32_768,
            (Self::Anthropic, _) => 200_000,
            (Self::Gemini, _) => 1_000_000,
            (Self::Ollama, _) => 4_096,
        }
    }
}

/// One configured endpoint.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    /// First part of the models' ids: `[a-z0-9][a-z0-9_-]{0,31}`, unique, not `local`.
    pub name: String,
    pub adapter: Adapter,
    /// With the version part where the vendor has one (`https://api.openai.com/v1`). Empty: the
    /// vendor's own. Ollama's may be `host:port`, as in `OLLAMA_HOST`.
    pub base_url: String,
    pub api_key: Option<SecretString>,
    /// Model name without the provider.
    pub default_model: Option<String>,
    /// Names offered besides those that the endpoint lists itself.
    pub models: Vec<String>,
    /// Tokens of prompt and answer together, for all of this provider's models.
    pub context_window: Option<usize>,
    /// The endpoint goes on from a trailing assistant message (llama.cpp, vLLM).
    pub prefill: bool,
}

/// A sentence for the operator: what is wrong, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// The checked base URL, without a trailing slash.
pub(crate) fn endpoint(config: &ProviderConfig) -> Result<String, ConfigError> {
    let name = &config.name;
    let given = config.base_url.trim().trim_end_matches('/');
    let text = match (given.is_empty(), config.adapter) {
        (true, adapter) => adapter.default_base_url().to_owned(),
        (false, Adapter::Ollama) => ollama_host(given),
        (false, _) => given.to_owned(),
    };
    let refused = |why: &str| {
        Err(ConfigError(format!(
            "provider {name}: base_url \"{text}\" {why}; allowed is http://host[:port]/path or https://…"
        )))
    };
    let Ok(url) = Url::parse(&text) else {
        return refused("is not a URL");
    };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return refused("is not an http or https URL");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ConfigError(format!(
            "provider {name}: base_url holds a user name or password; give the key as api_key"
        )));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refused("has a query or fragment");
    }
    let bare = url.path().is_empty() || url.path() == "/";
    Ok(match config.adapter {
        // The ecosystem's variables name these two without their version.
        Adapter::Anthropic if bare => format!("{text}/v1"),
        Adapter::Gemini if bare => format!("{text}/v1beta"),
        Adapter::Ollama => text.strip_suffix("/v1").unwrap_or(&text).to_owned(),
        _ => text,
    })
}

/// `OLLAMA_HOST` is an address to listen on: no scheme, perhaps no port, perhaps `0.0.0.0`.
fn ollama_host(given: &str) -> String {
    let (scheme, rest) = given.split_once("://").unwrap_or(("http", given));
    let (host, path) = rest
        .split_once('/')
        .map_or((rest, None), |(host, path)| (host, Some(path)));
    let host = if let Some(port) = host.strip_prefix("0.0.0.0") {
        format!("127.0.0.1{port}")
    } else if host.starts_with(':') {
        format!("127.0.0.1{host}")
    } else {
        host.to_owned()
    };
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    let port = if has_port || given.contains("://") {
        ""
    } else {
        ":11434"
    };
    path.map_or_else(
        || format!("{scheme}://{host}{port}"),
        |path| format!("{scheme}://{host}{port}/{path}"),
    )
}

pub(crate) fn check_name(name: &str) -> Result<(), ConfigError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let good = name.len() <= 32
        && name.bytes().next().is_some_and(plain)
        && name.bytes().all(|b| plain(b) || b == b'_' || b == b'-');
    if good {
        return Ok(());
    }
    Err(ConfigError(format!(
        "provider name \"{name}\" is not allowed; use 1 to 32 of a-z, 0-9, _ and -, starting with a letter or digit"
    )))
}

/// Names end up in URLs and headers, and users may type them.
pub(crate) fn model_name_is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && !name.starts_with('/')
        && !name.contains("..")
        && !name.contains("::")
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._:/@+-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(adapter: Adapter, base_url: &str) -> ProviderConfig {
        ProviderConfig {
            name: "p".into(),
            adapter,
            base_url: base_url.into(),
            api_key: None,
            default_model: None,
            models: vec![],
            context_window: None,
            prefill: false,
        }
    }

    #[test]
    fn base_urls_take_the_forms_that_people_write() {
        for (adapter, given, expected) in [
            (Adapter::OpenAi, "", "https://api.openai.com/v1"),
            (
                Adapter::OpenAi,
                "http://localhost:8000/v1/",
                "http://localhost:8000/v1",
            ),
            (
                Adapter::Anthropic,
                "https://api.anthropic.com",
                "https://api.anthropic.com/v1",
            ),
            (
                Adapter::Gemini,
                "https://g.example/v1",
                "https://g.example/v1",
            ),
            (Adapter::Ollama, "", "http://127.0.0.1:11434"),
            (Adapter::Ollama, "0.0.0.0", "http://127.0.0.1:11434"),
            (Adapter::Ollama, ":9000", "http://127.0.0.1:9000"),
            (Adapter::Ollama, "box:9000", "http://box:9000"),
            (
                Adapter::Ollama,
                "https://box.example/v1",
                "https://box.example",
            ),
        ] {
            assert_eq!(
                endpoint(&config(adapter, given)).as_deref(),
                Ok(expected),
                "{given}"
            );
        }
    }

    #[test]
    fn base_urls_that_cannot_work_are_refused() {
        for given in [
            "nonsense",
            "ftp://x/",
            "https://u:p@x/v1",
            "https://x/v1?key=1",
        ] {
            assert!(
                endpoint(&config(Adapter::OpenAi, given)).is_err(),
                "{given}"
            );
        }
    }

    #[test]
    fn model_names_cannot_leave_their_place_in_a_url() {
        assert!(model_name_is_plain("meta-llama/Llama-3.1:8b"));
        for bad in ["", "../x", "/x", "a?b", "a b", "a::b", "a\n", "é"] {
            assert!(!model_name_is_plain(bad), "{bad}");
        }
    }
}
