//! The configuration as it holds, without its secrets.

use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use tools::{HttpToolConfig, ToolPolicies};

use super::Config;

/// For `config show` and support.
#[must_use]
pub fn show(config: &Config) -> Value {
    let masked = |set: bool| if set { json!("(set)") } else { Value::Null };
    let providers: Vec<Value> = config
        .providers
        .iter()
        .map(|provider| {
            json!({
                "name": provider.name,
                "adapter": format!("{:?}", provider.adapter).to_lowercase(),
                "base_url": without_password(&provider.base_url),
                "api_key": masked(provider.api_key.is_some()),
                "default_model": provider.default_model,
                "models": provider.models,
                "context_window": provider.context_window,
                "prefill": provider.prefill,
            })
        })
        .collect();
    let tools: Vec<Value> = config.tools.iter().map(tool).collect();
    json!({
        "data_dir": config.data_dir,
        "config_file": config.file,
        "database_url": without_password(config.database_url.expose_secret()),
        "listen": config.listen,
        "public_url": config.public_url,
        "redis_url": config.redis_url.as_ref().map(|url| without_password(url.expose_secret())),
        "registration": format!("{:?}", config.registration).to_lowercase(),
        "model": config.model,
        "providers": providers,
        "tools": tools,
        "tool_policy": policies(&config.tool_policy),
        "secret_key": masked(config.secret_key.is_some()),
        "metrics_token": masked(config.metrics_token.is_some()),
        "docs": config.docs,
        "send_wait_seconds": config.send_wait.as_secs(),
        "send_rate_per_minute": config.send_rate_per_minute,
        "drain_seconds": config.drain.as_secs(),
        "log": config.log,
        "log_format": format!("{:?}", config.log_format).to_lowercase(),
        "local_model": {
            "enabled": config.local_model.enabled,
            "path": config.local_model.path,
            "threads": config.local_model.threads,
            "idle_minutes": config.local_model.idle.as_secs() / 60,
        },
        "limits": {
            "run_steps": config.limits.steps,
            "run_tokens": config.limits.tokens,
            "run_seconds": config.limits.wall.as_secs(),
            "model_first_token_seconds": config.limits.first_chunk.as_secs(),
            "model_next_token_seconds": config.limits.next_chunk.as_secs(),
        },
    })
}

/// Of every built-in tool: what was said of it, or else its own.
fn policies(said: &ToolPolicies) -> Map<String, Value> {
    let built_in = tools::built_in();
    let all = built_in.iter().map(|tool| {
        let name = tool.spec().name.clone();
        let policy = said.get(&name).copied().unwrap_or(tool.policy());
        (name, json!(policy))
    });
    all.collect()
}

fn tool(tool: &HttpToolConfig) -> Value {
    let headers: Map<String, Value> = tool
        .headers
        .iter()
        .map(|(name, _)| (name.clone(), json!("(set)")))
        .collect();
    json!({
        "name": tool.name,
        "description": tool.description,
        "schema": tool.schema,
        "method": tool.method.as_str(),
        "url": tool.url,
        "headers": headers,
        "class": tool.class,
        "policy": tool.policy,
        "timeout_seconds": tool.timeout.as_secs(),
        "idempotency_header": tool.idempotency_header,
    })
}

/// `postgres://user:***@host/db`, and parameters that may hold a password left out.
fn without_password(url: &str) -> String {
    let plain = url.split('?').next().unwrap_or_default();
    let Some((scheme, rest)) = plain.split_once("://") else {
        return plain.to_owned();
    };
    match rest.rsplit_once('@') {
        Some((credentials, host)) => {
            let user = credentials.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:***@{host}")
        }
        None => plain.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::{ToolClass, ToolPolicy};
    use serde_json::json;
    use tools::{HttpMethod, HttpToolConfig};

    use super::{tool, without_password};

    #[test]
    fn headers_of_tools_are_masked() {
        let shown = tool(&HttpToolConfig {
            name: "order".to_owned(),
            description: "Orders.".to_owned(),
            schema: json!({"type": "object"}),
            method: HttpMethod::Post,
            url: "https://shop.example.org/orders".to_owned(),
            headers: vec![("Authorization".to_owned(), "s3cret".to_owned().into())],
            class: ToolClass::Keyed,
            policy: ToolPolicy::Ask,
            timeout: Duration::from_secs(5),
            idempotency_header: Some("Idempotency-Key".to_owned()),
        });
        assert_eq!(
            shown,
            json!({
                "name": "order",
                "description": "Orders.",
                "schema": {"type": "object"},
                "method": "POST",
                "url": "https://shop.example.org/orders",
                "headers": {"Authorization": "(set)"},
                "class": "keyed",
                "policy": "ask",
                "timeout_seconds": 5,
                "idempotency_header": "Idempotency-Key",
            })
        );
    }

    #[test]
    fn passwords_are_masked() {
        assert_eq!(
            without_password("postgres://u:p@ss@h/d?password=x"),
            "postgres://u:***@h/d"
        );
        assert_eq!(without_password("sqlite:///a/b.db"), "sqlite:///a/b.db");
    }
}
