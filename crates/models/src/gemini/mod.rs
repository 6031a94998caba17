//! Gemini's `streamGenerateContent`. <https://ai.google.dev/api/generate-content>

mod parser;
mod request;

use agent::ports::{ModelError, ModelRequest, ModelStream};
use reqwest::header::ACCEPT;
use secrecy::ExposeSecret;

use crate::answer::{Answer, accepted};
use crate::provider::Provider;
use parser::Parser;

/// Begins an answer.
pub(crate) async fn answer(
    provider: &Provider,
    model: &str,
    request: ModelRequest,
) -> Result<ModelStream, ModelError> {
    let subject = provider.subject(model);
    let endpoint = &provider.endpoint;
    let mut call = provider
        .client()?
        .post(format!(
            "{endpoint}/models/{model}:streamGenerateContent?alt=sse"
        ))
        .header(ACCEPT, "text/event-stream")
        .json(&request::body(model, &request));
    if let Some(key) = &provider.config.api_key {
        call = call.header("x-goog-api-key", key.expose_secret());
    }
    let response = accepted(call, &subject).await?;
    let parser = Parser::new(subject.clone());
    Ok(Answer::new(response, parser, subject).into_stream())
}
