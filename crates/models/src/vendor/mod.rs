//! Anthropic and Gemini through genai, always with an explicit target: by itself it would guess the
//! provider from the model's name and read keys from the environment.

mod request;

use std::collections::BTreeMap;

use agent::ports::{ModelChunk, ModelError, ModelRequest, ModelStream, RawToolCall};
use domain::{FinishReason, Usage};
use futures::StreamExt;
use futures::stream;
use genai::adapter::AdapterKind;
use genai::chat::{ChatOptions, ChatStream, ChatStreamEvent, StopReason, StreamEnd, ToolCall};
use genai::resolver::{AuthData, Endpoint};
use genai::{Client, ModelIden, ServiceTarget};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::config::Adapter;
use crate::failure::Subject;
use crate::provider::Provider;
use crate::remote::clean;

/// Bytes of tool arguments of one answer.
const ARGUMENTS_BYTES: usize = 1_024 * 1_024;

/// Begins an answer. genai connects at the first poll, so this does poll once: a refused key must
/// be an error of the call.
pub(crate) async fn answer(
    provider: &Provider,
    model: &str,
    request: ModelRequest,
) -> Result<ModelStream, ModelError> {
    let subject = provider.subject(model);
    let client = Client::builder()
        .with_reqwest(provider.client()?)
        .build()
        .map_err(|error| failure(&subject, &error))?;
    let mut options = ChatOptions::default()
        .with_capture_usage(true)
        .with_capture_tool_calls(true);
    if let Some(limit) = request.max_output_tokens {
        options = options.with_max_tokens(limit);
    }
    let target = target(provider, model);
    let made = client
        .exec_chat_stream(target, request::chat_request(request), Some(&options))
        .await
        .map_err(|error| failure(&subject, &error))?;
    let gemini = provider.config.adapter == Adapter::Gemini;
    let mut answer = Answer {
        stream: made.stream,
        subject,
        gemini,
        shown: BTreeMap::new(),
        bytes: 0,
        said: false,
        done: false,
    };
    match answer.next().await {
        Some(Err(error)) => Err(error),
        first => {
            let rest = stream::unfold(answer, |mut answer| async move {
                let item = answer.next().await?;
                Some((item, answer))
            });
            Ok(stream::iter(first).chain(rest).boxed())
        }
    }
}

fn target(provider: &Provider, model: &str) -> ServiceTarget {
    let kind = match provider.config.adapter {
        Adapter::Gemini => AdapterKind::Gemini,
        _ => AdapterKind::Anthropic,
    };
    let key = provider
        .config
        .api_key
        .as_ref()
        .map_or("", ExposeSecret::expose_secret);
    ServiceTarget {
        endpoint: Endpoint::from_owned(format!("{}/", provider.endpoint)),
        auth: AuthData::from_single(key),
        model: ModelIden::new(kind, model),
    }
}

struct Answer {
    stream: ChatStream,
    subject: Subject,
    gemini: bool,
    /// Bytes of arguments shown so far, per call id: genai repeats them from the start.
    shown: BTreeMap<String, usize>,
    bytes: usize,
    said: bool,
    done: bool,
}

impl Answer {
    async fn next(&mut self) -> Option<Result<ModelChunk, ModelError>> {
        while !self.done {
            let Some(event) = self.stream.next().await else {
                self.done = true;
                return Some(Err(self.cut()));
            };
            let chunk = match event {
                Ok(event) => self.chunk(event),
                Err(error) => Err(failure(&self.subject, &error)),
            };
            match chunk {
                Ok(None) => {}
                Ok(Some(chunk)) => {
                    self.said = true;
                    self.done = matches!(chunk, ModelChunk::End { .. });
                    return Some(Ok(chunk));
                }
                Err(error) => {
                    self.done = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }

    /// genai passes over what is no event: nothing at all is a web page or another protocol rather
    /// than a cut.
    fn cut(&self) -> ModelError {
        if self.said {
            self.subject.interrupted()
        } else {
            self.subject
                .protocol("nothing that is an answer in its format")
        }
    }

    fn chunk(&mut self, event: ChatStreamEvent) -> Result<Option<ModelChunk>, ModelError> {
        Ok(match event {
            ChatStreamEvent::Chunk(chunk) if !chunk.content.is_empty() => {
                Some(ModelChunk::Text(clean(&chunk.content)))
            }
            ChatStreamEvent::ReasoningChunk(chunk) if !chunk.content.is_empty() => {
                Some(ModelChunk::Reasoning(clean(&chunk.content)))
            }
            ChatStreamEvent::ToolCallChunk(chunk) => self.arguments(&chunk.tool_call)?,
            ChatStreamEvent::End(end) => Some(self.end(end)?),
            _ => None,
        })
    }

    fn arguments(&mut self, call: &ToolCall) -> Result<Option<ModelChunk>, ModelError> {
        let text = arguments_text(&call.fn_arguments);
        let shown = self.shown.entry(call.call_id.clone()).or_default();
        let new = text.get(*shown..).unwrap_or_default().to_owned();
        *shown = text.len().max(*shown);
        self.bytes += new.len() + 16;
        if self.bytes > ARGUMENTS_BYTES {
            return Err(self.subject.protocol("more tool calls than can be meant"));
        }
        Ok((!new.is_empty()).then(|| ModelChunk::ToolArguments(clean(&new))))
    }

    fn end(&self, end: StreamEnd) -> Result<ModelChunk, ModelError> {
        let reason = end.captured_stop_reason.clone();
        // genai also ends a Gemini stream that was cut; only a whole one has a reason.
        if self.gemini && reason.is_none() {
            return Err(self.cut());
        }
        let usage = end
            .captured_usage
            .as_ref()
            .map_or_else(Usage::default, |usage| Usage {
                prompt_tokens: usage.prompt_tokens.unwrap_or(0).max(0).into(),
                completion_tokens: usage.completion_tokens.unwrap_or(0).max(0).into(),
            });
        let calls: Vec<RawToolCall> = end
            .captured_into_tool_calls()
            .unwrap_or_default()
            .into_iter()
            .map(|call| RawToolCall {
                arguments: arguments_text(&call.fn_arguments),
                provider_id: call.call_id,
                name: call.fn_name,
            })
            .collect();
        let finish = match reason {
            Some(StopReason::MaxTokens(_)) => FinishReason::Length,
            Some(StopReason::ContentFilter(_)) => FinishReason::ContentFilter,
            Some(StopReason::ToolCall(_)) => FinishReason::ToolCalls,
            _ if !calls.is_empty() => FinishReason::ToolCalls,
            _ => FinishReason::Stop,
        };
        Ok(ModelChunk::End {
            calls,
            finish,
            usage,
        })
    }
}

fn arguments_text(arguments: &Value) -> String {
    match arguments {
        Value::String(text) => text.clone(),
        Value::Null => "{}".to_owned(),
        other => other.to_string(),
    }
}

/// genai nests what happened; its own texts may hold bodies and are never shown.
fn failure(subject: &Subject, error: &genai::Error) -> ModelError {
    match error {
        genai::Error::HttpError {
            status,
            body,
            headers,
            ..
        } => subject.status(status.as_u16(), headers, body),
        genai::Error::WebStream { error, .. } => {
            if let Some(inner) = error.downcast_ref::<genai::Error>() {
                failure(subject, inner)
            } else if let Some(inner) = error.downcast_ref::<reqwest::Error>() {
                subject.transport(inner)
            } else {
                subject.protocol("something that is not an event stream")
            }
        }
        genai::Error::ChatResponse { body, .. } => {
            subject.error_object(body.get("error").unwrap_or(body))
        }
        genai::Error::StreamParse { .. }
        | genai::Error::JsonValueExt(_)
        | genai::Error::SerdeJson(_)
        | genai::Error::InvalidJsonResponseElement { .. } => {
            subject.protocol("a piece that is not what its format says")
        }
        _ => subject.protocol("something unexpected"),
    }
}
