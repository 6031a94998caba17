//! OpenAI-compatible chat completions, streamed. Decision 0001 says why this is ours.

mod parser;
mod request;

use agent::ports::{ModelError, ModelErrorKind, ModelRequest, ModelStream};
use futures::{StreamExt, stream};
use reqwest::header::ACCEPT;
use reqwest::{Response, Url};
use secrecy::ExposeSecret;

use crate::answer::{Answer, accepted, content_type};
use crate::config::Adapter;
use crate::failure::{Subject, is_html, web_page};
use crate::listing::read_bounded;
use crate::provider::Provider;
use parser::Parser;
use request::Options;

/// Bytes of an answer that came as one JSON body although a stream was asked for.
const BODY_BYTES: usize = 4 * 1_024 * 1_024;

/// Begins an answer.
pub(crate) async fn answer(
    provider: &Provider,
    model: &str,
    request: ModelRequest,
) -> Result<ModelStream, ModelError> {
    let subject = provider.subject(model);
    let response = send_as_understood(provider, model, &request, &subject).await?;
    if content_type(&response).starts_with("application/json") {
        let body = read_bounded(response, BODY_BYTES, &subject).await?;
        let chunks = parser::whole(&body, &subject)?;
        return Ok(stream::iter(chunks.into_iter().map(Ok)).boxed());
    }
    let parser = Parser::new(subject.clone());
    Ok(Answer::new(response, parser, subject).into_stream())
}

/// Sends, and once more without what the endpoint says it doesn't know. Not a retry of a failed
/// call: it refused before anything else happened, and will not be asked so again.
async fn send_as_understood(
    provider: &Provider,
    model: &str,
    request: &ModelRequest,
    subject: &Subject,
) -> Result<Response, ModelError> {
    let mut options = Options {
        tools: !request.tools.is_empty() && provider.takes_tools(model),
        usage: provider.takes_usage_option(),
        newest: false,
    };
    loop {
        match send(provider, model, request, options, subject).await {
            Err(error) if options.tools && says_no_tools(&error) => {
                provider.remember_no_tools(model);
                options.tools = false;
            }
            Err(error) if options.usage && says_no_usage_option(&error) => {
                provider.remember_no_usage_option();
                options.usage = false;
            }
            other => return other,
        }
    }
}

async fn send(
    provider: &Provider,
    model: &str,
    request: &ModelRequest,
    mut options: Options,
    subject: &Subject,
) -> Result<Response, ModelError> {
    let base = match provider.config.adapter {
        Adapter::Ollama => format!("{}/v1", provider.endpoint),
        _ => provider.endpoint.clone(),
    };
    options.newest = Url::parse(&base).is_ok_and(|url| url.host_str() == Some("api.openai.com"));
    let body = request::body(model, request, options);
    let mut call = provider
        .client()?
        .post(format!("{base}/chat/completions"))
        .header(ACCEPT, "text/event-stream")
        .json(&body);
    if let Some(key) = &provider.config.api_key {
        call = call.bearer_auth(key.expose_secret());
    }
    accepted(call, subject).await
}

/// In the words of Ollama, vLLM, llama.cpp and OpenRouter, under whatever status.
fn says_no_tools(error: &ModelError) -> bool {
    [
        "does not support tools",
        "tool choice requires",
        "tools param requires",
        "support tool use",
    ]
    .iter()
    .any(|words| error.detail.contains(words))
}

fn says_no_usage_option(error: &ModelError) -> bool {
    error.kind == ModelErrorKind::Refused && error.detail.contains("stream_options")
}

/// Text of a whole body, or why it is none.
fn utf8<'a>(body: &'a [u8], subject: &Subject) -> Result<&'a str, ModelError> {
    match std::str::from_utf8(body) {
        Ok(text) if is_html(text) => Err(web_page()),
        Ok(text) => Ok(text),
        Err(_) => Err(subject.protocol("text that is not UTF-8")),
    }
}
