//! OpenAI-compatible chat completions, streamed. Decision 0001 says why this is ours.

mod calls;
mod parser;
mod request;

use std::collections::VecDeque;
use std::time::Duration;

use agent::ports::{ModelChunk, ModelError, ModelErrorKind, ModelRequest, ModelStream};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Response, Url};
use secrecy::ExposeSecret;

use crate::config::Adapter;
use crate::failure::{ERROR_BODY_BYTES, Subject, is_html, web_page};
use crate::listing::read_bounded;
use crate::provider::Provider;
use crate::sse::{Decoder, SseError};
use parser::{Parser, Progress};
use request::Options;

/// After a finish reason only usage and the end mark can follow; who never sends them is not waited
/// for.
const TAIL: Duration = Duration::from_secs(2);
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
    let kind = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase();
    if kind.starts_with("text/html") {
        return Err(web_page());
    }
    if kind.starts_with("application/json") {
        let body = read_bounded(response, BODY_BYTES, &subject).await?;
        let chunks = parser::whole(&body, &subject)?;
        return Ok(stream::iter(chunks.into_iter().map(Ok)).boxed());
    }
    Ok(Answer::new(response, subject).into_stream())
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
    let response = call
        .send()
        .await
        .map_err(|error| subject.transport(&error))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let headers = response.headers().clone();
    // What the body says only makes the message better.
    let body = read_bounded(response, ERROR_BODY_BYTES, subject)
        .await
        .unwrap_or_default();
    Err(subject.status(status.as_u16(), &headers, &String::from_utf8_lossy(&body)))
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

/// An answer on its way. Dropping it drops the response, which closes the connection.
struct Answer {
    body: BoxStream<'static, reqwest::Result<Bytes>>,
    decoder: Decoder,
    parser: Parser,
    subject: Subject,
    ready: VecDeque<ModelChunk>,
    failed: Option<ModelError>,
    done: bool,
}

impl Answer {
    fn new(response: Response, subject: Subject) -> Self {
        Self {
            body: response.bytes_stream().boxed(),
            decoder: Decoder::default(),
            parser: Parser::new(subject.clone()),
            subject,
            ready: VecDeque::new(),
            failed: None,
            done: false,
        }
    }

    fn into_stream(self) -> ModelStream {
        stream::unfold(self, |mut answer| async move {
            let item = answer.next().await?;
            Some((item, answer))
        })
        .boxed()
    }

    async fn next(&mut self) -> Option<Result<ModelChunk, ModelError>> {
        loop {
            // What came before an error is said first.
            if let Some(chunk) = self.ready.pop_front() {
                return Some(Ok(chunk));
            }
            if let Some(error) = self.failed.take() {
                return Some(Err(error));
            }
            if self.done {
                return None;
            }
            if let Err(error) = self.advance().await {
                self.done = true;
                self.failed = Some(error);
            }
        }
    }

    /// Takes one event, or reads more bytes.
    async fn advance(&mut self) -> Result<(), ModelError> {
        if let Some(event) = self
            .decoder
            .next()
            .map_err(|error| self.not_events(&error))?
        {
            if self.parser.event(&event, &mut self.ready)? == Progress::Done {
                self.end();
            }
            return Ok(());
        }
        let read = if self.parser.finished() {
            tokio::time::timeout(TAIL, self.body.next())
                .await
                .unwrap_or(None)
        } else {
            self.body.next().await
        };
        match read {
            Some(Ok(bytes)) => self.decoder.push(&bytes),
            Some(Err(_)) if self.parser.finished() => self.end(),
            Some(Err(_)) => return Err(self.subject.interrupted()),
            None => self.last_words()?,
        }
        Ok(())
    }

    /// The connection was closed in order; whether the answer is whole is another question.
    fn last_words(&mut self) -> Result<(), ModelError> {
        if let Some(event) = self
            .decoder
            .finish()
            .map_err(|error| self.not_events(&error))?
        {
            self.parser.event(&event, &mut self.ready)?;
        }
        if !self.parser.finished() {
            return Err(self.subject.interrupted());
        }
        self.end();
        Ok(())
    }

    fn end(&mut self) {
        self.done = true;
        self.ready.push_back(self.parser.end());
    }

    fn not_events(&self, error: &SseError) -> ModelError {
        match error {
            SseError::Html => web_page(),
            SseError::TooLong => self.subject.protocol("a line of more than 1 MiB"),
            SseError::Json => self
                .subject
                .protocol("something that is not an event stream"),
        }
    }
}

/// Text of a whole body, or why it is none.
fn utf8<'a>(body: &'a [u8], subject: &Subject) -> Result<&'a str, ModelError> {
    match std::str::from_utf8(body) {
        Ok(text) if is_html(text) => Err(web_page()),
        Ok(text) => Ok(text),
        Err(_) => Err(subject.protocol("text that is not UTF-8")),
    }
}
