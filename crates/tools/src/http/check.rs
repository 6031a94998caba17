//! What must fit together before a tool can be used.

use domain::ToolClass;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::HttpToolConfig;
use super::url::UrlTemplate;

/// The client's own business.
const RESERVED_HEADERS: [&str; 6] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "accept-encoding",
    "expect",
];

/// Every place must be an argument, and every argument must have a way to the service.
pub(super) fn places(config: &HttpToolConfig, url: &UrlTemplate) -> Result<(), String> {
    let properties = config.schema.get("properties").and_then(Value::as_object);
    let known = |name: &str| properties.is_some_and(|all| all.contains_key(name));
    let required = |name: &str| {
        let all = config.schema.get("required").and_then(Value::as_array);
        all.is_some_and(|all| all.iter().any(|one| one == name))
    };
    if let Some(name) = url
        .in_path()
        .chain(url.in_query())
        .find(|name| !known(name))
    {
        return Err(format!(
            "its url has the place {{{name}}}, which is no property of its schema"
        ));
    }
    if let Some(name) = url.in_path().find(|name| !required(name)) {
        return Err(format!(
            "its url has {{{name}}} in the path: list it under \"required\" in its schema"
        ));
    }
    if config.method.has_body() {
        return Ok(());
    }
    let placed = |name: &str| {
        url.in_path()
            .chain(url.in_query())
            .any(|place| place == name)
    };
    let lost = properties.and_then(|all| all.keys().find(|name| !placed(name)));
    match lost {
        Some(name) => Err(format!(
            "{} sends no body, so the argument `{name}` must be a place in its url: {{{name}}}",
            config.method.as_str()
        )),
        None => Ok(()),
    }
}

/// The headers of every call, and the one that carries its id.
pub(super) fn headers(config: &HttpToolConfig) -> Result<(HeaderMap, Option<HeaderName>), String> {
    let name = |text: &str| {
        let name = HeaderName::from_bytes(text.as_bytes())
            .map_err(|_| format!("`{text}` is no name of a header"))?;
        if RESERVED_HEADERS.contains(&name.as_str()) {
            return Err(format!("the header `{name}` is set by the server itself"));
        }
        Ok(name)
    };
    let mut headers = HeaderMap::new();
    for (text, secret) in &config.headers {
        let mut value = HeaderValue::from_str(secret.expose_secret()).map_err(|_| {
            format!("the value of its header `{text}` holds characters that a header can't")
        })?;
        value.set_sensitive(true);
        if headers.insert(name(text)?, value).is_some() {
            return Err(format!("the header `{text}` is set twice"));
        }
    }
    let idempotency = match (&config.idempotency_header, config.class) {
        (None, _) => None,
        (Some(text), ToolClass::Keyed) => Some(name(text)?),
        (Some(_), _) => {
            return Err("idempotency_header is for class = \"keyed\" only".to_owned());
        }
    };
    if let Some(twice) = idempotency
        .as_ref()
        .filter(|name| headers.contains_key(*name))
    {
        return Err(format!(
            "the header `{twice}` carries the call's id: it can't be set"
        ));
    }
    Ok((headers, idempotency))
}
