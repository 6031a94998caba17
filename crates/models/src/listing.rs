//! Asking providers which models they have.

use std::time::Duration;

use agent::ports::{ModelError, ModelErrorKind};
use reqwest::Response;
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use crate::config::{Adapter, model_name_is_plain};
use crate::failure::Subject;
use crate::provider::Provider;

/// Bytes of a list: that of a large router is a few hundred KiB.
const LIST_BYTES: usize = 4 * 1_024 * 1_024;
/// Models of one provider that are offered; others can be typed.
const LISTED: usize = 500;

/// A list that came is not asked for again for this long.
const LIST_KEPT: Duration = Duration::from_secs(60);
/// An endpoint that has not sent its list by then counts as silent.
const LIST_DEADLINE: Duration = Duration::from_secs(2);

pub(crate) struct Asked {
    ended: Instant,
    result: Result<(), ModelError>,
}

/// Asks the endpoint and remembers its answer, unless that was done within the last minute. Where it
/// can't be asked or does not answer, what was known stays. A failure is not kept, since the endpoint
/// may be starting just now; only who waited while it was found out is told of the same one.
pub(crate) async fn refresh(provider: &Provider) -> Result<(), ModelError> {
    let url = match provider.config.adapter {
        Adapter::OpenAi => format!("{}/models", provider.endpoint),
        Adapter::Ollama => format!("{}/api/tags", provider.endpoint),
        Adapter::Anthropic | Adapter::Gemini => return Ok(()),
    };
    let came = Instant::now();
    let mut asked = provider.asked.lock().await;
    if let Some(Asked { ended, result }) = &*asked {
        let fresh = result.is_ok() && ended.elapsed() < LIST_KEPT;
        if fresh || *ended >= came {
            return result.clone();
        }
    }
    let answer = timeout(LIST_DEADLINE, ask(provider, &url))
        .await
        .unwrap_or_else(|_| Err(provider.subject("").silent(LIST_DEADLINE)));
    let result = answer.map(|models| provider.remember_list(models));
    if let Err(error) = &result {
        tracing::debug!(provider = provider.config.name, %error, "no list of models");
    }
    let ended = Instant::now();
    *asked = Some(Asked {
        ended,
        result: result.clone(),
    });
    result
}

async fn ask(provider: &Provider, url: &str) -> Result<Vec<(String, Option<usize>)>, ModelError> {
    let subject = provider.subject("its list of models");
    let mut call = provider.client()?.get(url);
    if let Some(key) = &provider.config.api_key {
        call = call.bearer_auth(key.expose_secret());
    }
    let response = call
        .send()
        .await
        .map_err(|error| subject.transport(&error))?;
    let status = response.status();
    if !status.is_success() {
        return Err(subject.status(status.as_u16(), response.headers(), ""));
    }
    let body = read_bounded(response, LIST_BYTES, &subject).await?;
    let value = serde_json::from_slice(&body)
        .map_err(|_| subject.protocol("a list of models that is not JSON"))?;
    Ok(models(&value))
}

/// OpenAI: `{"data": [{"id": …}]}`; Ollama: `{"models": [{"name": …}]}`.
fn models(list: &Value) -> Vec<(String, Option<usize>)> {
    let items = ["data", "models"]
        .iter()
        .find_map(|key| list.get(key)?.as_array());
    let window = |item: &Value| {
        ["max_model_len", "context_length", "context_window"]
            .iter()
            .find_map(|key| item.get(key)?.as_u64())
            .and_then(|tokens| usize::try_from(tokens).ok())
            .filter(|tokens| *tokens > 0)
    };
    items
        .into_iter()
        .flatten()
        .filter_map(|item| {
            let name = item.get("id").or_else(|| item.get("name"))?.as_str()?;
            (model_name_is_plain(name) && chats(name)).then(|| (name.to_owned(), window(item)))
        })
        .take(LISTED)
        .collect()
}

/// By name, because lists don't say what a model is for.
fn chats(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let others = [
        "embed",
        "whisper",
        "tts",
        "dall-e",
        "moderation",
        "transcribe",
        "realtime",
        "gpt-image",
        "sora",
        "babbage",
        "davinci",
        "rerank",
    ];
    !others.iter().any(|other| name.contains(other))
}

/// The body, refused beyond `limit` bytes.
pub(crate) async fn read_bounded(
    mut response: Response,
    limit: usize,
    subject: &Subject,
) -> Result<Vec<u8>, ModelError> {
    let mut body = vec![];
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| subject.transport(&error))?
    {
        if body.len() + chunk.len() > limit {
            return Err(ModelError::new(
                ModelErrorKind::Protocol,
                format!(
                    "{} sent more than {limit} bytes. Check its base URL.",
                    subject.provider
                ),
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_forms_are_read_and_what_cannot_chat_is_left_out() {
        let openai = json!({"object": "list", "data": [
            {"id": "gpt-x"}, {"id": "text-embedding-3-small"}, {"id": "bad name"},
            {"id": "big", "max_model_len": 8192}, {"no": "id"},
        ]});
        assert_eq!(
            models(&openai),
            [("gpt-x".into(), None), ("big".into(), Some(8_192))]
        );
        let ollama = json!({"models": [{"name": "llama3.2:latest", "size": 1}, {"name": "nomic-embed-text"}]});
        assert_eq!(models(&ollama), [("llama3.2:latest".into(), None)]);
        assert_eq!(models(&json!("nonsense")), []);
    }
}
