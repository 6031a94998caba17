//! `[[tools]]`: HTTP requests that the operator lends to the agent as tools; `[tool_policy]`: what
//! the built-in ones may do.

use std::collections::BTreeMap;
use std::time::Duration;

use ::tools::{HttpMethod, HttpToolConfig, ToolPolicies};
use anyhow::{Context, Result, anyhow, bail};
use domain::{ToolClass, ToolPolicy};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::environment::variable;
use super::file;

const ENV: &str = "{env:";

/// All of them, checked as a start would.
pub fn all(configured: Vec<file::Tool>) -> Result<Vec<HttpToolConfig>> {
    let tools = configured
        .into_iter()
        .map(|tool| {
            let name = tool.name.clone();
            from_file(tool, variable).with_context(|| format!("the tool `{name}`"))
        })
        .collect::<Result<Vec<_>>>()?;
    ::tools::toolbox(&tools)?;
    Ok(tools)
}

/// Of the built-in tools, checked as a start would.
pub fn policies(
    said: &BTreeMap<String, file::ToolPolicy>,
    tools: &[HttpToolConfig],
) -> Result<ToolPolicies> {
    let policies = said
        .iter()
        .map(|(name, said)| (name.clone(), policy(*said)))
        .collect();
    ::tools::under(&::tools::toolbox(tools)?, &policies)?;
    Ok(policies)
}

fn policy(said: file::ToolPolicy) -> ToolPolicy {
    match said {
        file::ToolPolicy::Allow => ToolPolicy::Allow,
        file::ToolPolicy::Ask => ToolPolicy::Ask,
        file::ToolPolicy::Deny => ToolPolicy::Deny,
    }
}

fn from_file(
    tool: file::Tool,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<HttpToolConfig> {
    let class = match tool.class {
        Some(file::ToolClass::ReadOnly) => ToolClass::ReadOnly,
        Some(file::ToolClass::Keyed) => ToolClass::Keyed,
        Some(file::ToolClass::Effectful) | None => ToolClass::Effectful,
    };
    let policy = match tool.policy {
        Some(said) => policy(said),
        None if class == ToolClass::ReadOnly => ToolPolicy::Allow,
        None => ToolPolicy::Ask,
    };
    let method = match tool.method {
        file::HttpMethod::Get => HttpMethod::Get,
        file::HttpMethod::Delete => HttpMethod::Delete,
        file::HttpMethod::Post => HttpMethod::Post,
        file::HttpMethod::Put => HttpMethod::Put,
        file::HttpMethod::Patch => HttpMethod::Patch,
    };
    let headers = tool
        .headers
        .into_iter()
        .map(|(header, value)| {
            let value = expanded(value.expose_secret(), &environment)
                .with_context(|| format!("its header `{header}`"))?;
            Ok((header, SecretString::from(value)))
        })
        .collect::<Result<_>>()?;
    let idempotency_header = tool.idempotency_header.or_else(|| {
        let usual = HttpToolConfig::DEFAULT_IDEMPOTENCY_HEADER.to_owned();
        (class == ToolClass::Keyed).then_some(usual)
    });
    Ok(HttpToolConfig {
        name: tool.name,
        description: tool.description,
        schema: schema(tool.schema)?,
        method,
        url: tool.url,
        headers,
        class,
        policy,
        timeout: tool
            .timeout_seconds
            .map_or(HttpToolConfig::DEFAULT_TIMEOUT, Duration::from_secs),
        idempotency_header,
    })
}

/// A table, or JSON in a text.
fn schema(schema: Value) -> Result<Value> {
    match schema {
        Value::String(text) => {
            serde_json::from_str(&text).map_err(|error| anyhow!("its schema is no JSON: {error}"))
        }
        other => Ok(other),
    }
}

/// `{env:NAME}` replaced, once, at the start. Other braces have no meaning here, and whoever
/// writes some expects one.
fn expanded(value: &str, environment: impl Fn(&str) -> Option<String>) -> Result<String> {
    let (mut out, mut rest) = (String::new(), value);
    while let Some(open) = rest.find('{') {
        let after = &rest[open..];
        let close = after.find('}').context("a `{` has no `}`")?;
        let Some(name) = after[..close].strip_prefix(ENV) else {
            bail!(
                "`{}}}` has no meaning: only {{env:NAME}} is replaced in headers",
                &after[..close]
            );
        };
        out.push_str(&rest[..open]);
        out.push_str(&environment(name).with_context(|| {
            format!("the environment variable {name} is not set, or it is empty")
        })?);
        rest = &after[close + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ::tools::HttpMethod;
    use domain::{ToolClass, ToolPolicy};
    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::super::file::File;
    use super::{all, expanded, from_file};

    const MINIMAL: &str = r#"
        [[tools]]
        name = "open_ticket"
        description = "Opens a ticket."
        method = "POST"
        url = "https://desk.example.org/tickets"
    "#;
    const TABLE: &str = r#"
        [tools.schema]
        type = "object"
        required = ["title"]
        properties.title.type = "string"
    "#;

    fn read(text: &str) -> Result<Vec<super::HttpToolConfig>, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        all(file.tools).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn what_is_left_out_is_careful() {
        let schema = json!({
            "type": "object", "required": ["title"],
            "properties": { "title": { "type": "string" } }
        });
        for text in [
            format!("{MINIMAL}{TABLE}"),
            format!("{MINIMAL}schema = '{schema}'"),
        ] {
            let tool = read(&text).unwrap().remove(0);
            assert_eq!(tool.schema, schema);
            assert_eq!(tool.method, HttpMethod::Post);
            assert_eq!(tool.class, ToolClass::Effectful);
            assert_eq!(tool.policy, ToolPolicy::Ask);
            assert_eq!(tool.timeout, Duration::from_secs(30));
            assert_eq!(tool.idempotency_header, None);
        }
        let keyed = read(&format!("{MINIMAL}class = \"keyed\"\n{TABLE}")).unwrap();
        assert_eq!(keyed[0].policy, ToolPolicy::Ask);
        assert_eq!(
            keyed[0].idempotency_header.as_deref(),
            Some("Idempotency-Key")
        );
        let reading = read(&format!("{MINIMAL}class = \"read_only\"\n{TABLE}")).unwrap();
        assert_eq!(reading[0].policy, ToolPolicy::Allow);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, words) in [
            ("methud = \"POST\"", ["methud", "unknown"]),
            ("class = \"transactional\"", ["transactional", "effectful"]),
            ("policy = \"maybe\"", ["maybe", "ask"]),
            ("timeout_seconds = 0", ["open_ticket", "timeout"]),
            ("timeout_seconds = 300", ["open_ticket", "55"]),
            ("schema = '{'", ["open_ticket", "no JSON"]),
            ("schema = '[]'", ["open_ticket", "object"]),
            (
                "headers = { X = \"{env:REJOINDER_TEST_UNSET}\" }",
                ["REJOINDER_TEST_UNSET", "not set"],
            ),
            (
                "headers = { X = \"{title}\" }",
                ["{title}", "only {env:NAME}"],
            ),
            ("idempotency_header = \"X\"", ["open_ticket", "keyed"]),
        ] {
            let schema = if line.starts_with("schema") {
                ""
            } else {
                TABLE
            };
            let error = read(&format!("{MINIMAL}{line}\n{schema}")).unwrap_err();
            for word in words {
                assert!(error.contains(word), "{line}: {error}");
            }
        }
        let builtin = format!("{}{TABLE}", MINIMAL.replace("open_ticket", "calculator"));
        assert!(read(&builtin).unwrap_err().contains("built-in"));
        assert!(read(MINIMAL).unwrap_err().contains("schema"));
    }

    #[test]
    fn secrets_come_from_the_environment_alone() {
        let environment = |name: &str| (name == "TOKEN").then(|| "s3cret{env:TOKEN}".to_owned());
        assert_eq!(
            expanded("Bearer {env:TOKEN}!", environment).unwrap(),
            "Bearer s3cret{env:TOKEN}!"
        );
        assert_eq!(expanded("plain", environment).unwrap(), "plain");
        assert!(expanded("{env:OTHER}", environment).is_err());
        assert!(expanded("{env:TOKEN", environment).is_err());
        let text =
            format!("{MINIMAL}headers = {{ Authorization = \"Bearer {{env:TOKEN}}\" }}\n{TABLE}");
        let file: File = toml::from_str(&text).unwrap();
        let tool = file.tools.into_iter().next().unwrap();
        let tool = from_file(tool, |_| Some("s3cret".to_owned())).unwrap();
        assert_eq!(tool.headers[0].1.expose_secret(), "Bearer s3cret");
    }
}
