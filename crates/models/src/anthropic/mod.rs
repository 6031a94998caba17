//! Anthropic's messages, streamed. <https://platform.claude.com/docs/en/api/messages>

mod parser;
mod request;

use agent::ports::{ModelError, ModelRequest, ModelStream};
use reqwest::header::ACCEPT;
use secrecy::ExposeSecret;

use crate::answer::{Answer, accepted};
use crate::provider::Provider;
use parser::Parser;

const VERSION: &str = "2023-06-01";

/// Begins an answer.
pub(crate) async fn answer(
    provider: &Provider,
    model: &str,
    request: ModelRequest,
) -> Result<ModelStream, ModelError> {
    let subject = provider.subject(model);
    let mut call = provider
        .client()?
        .post(format!("{}/messages", provider.endpoint))
        .header(ACCEPT, "text/event-stream")
        .header("anthropic-version", VERSION)
        .json(&request::body(model, &request));
    if let Some(key) = &provider.config.api_key {
        call = call.header("x-api-key", key.expose_secret());
    }
    let response = accepted(call, &subject).await?;
    let parser = Parser::new(subject.clone());
    Ok(Answer::new(response, parser, subject).into_stream())
}
