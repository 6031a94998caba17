//! Events of a message to [`ModelChunk`]s.

use std::collections::VecDeque;

use agent::ports::{ModelChunk, ModelError};
use domain::{FinishReason, Usage};
use serde_json::Value;

use crate::answer::{Events, Progress, json};
use crate::calls::{Calls, Piece};
use crate::failure::Subject;
use crate::remote::clean;
use crate::sse::Event;

pub(super) struct Parser {
    subject: Subject,
    calls: Calls,
    finish: Option<FinishReason>,
    usage: Usage,
}

impl Parser {
    pub(super) fn new(subject: Subject) -> Self {
        Self {
            subject,
            calls: Calls::default(),
            finish: None,
            usage: Usage::default(),
        }
    }

    /// The kind of an event is in its data as well. Unknown kinds are to be passed over.
    fn message(
        &mut self,
        value: &Value,
        out: &mut VecDeque<ModelChunk>,
    ) -> Result<Progress, ModelError> {
        match value["type"].as_str() {
            Some("message_start") => self.usage(&value["message"]["usage"]),
            Some("content_block_start") => {
                let block = &value["content_block"];
                if block["type"] == "tool_use" {
                    let piece = Piece {
                        index: value["index"].as_u64(),
                        id: &block["id"],
                        name: &block["name"],
                        arguments: given(&block["input"]),
                    };
                    self.calls.add(&piece, &self.subject, out)?;
                } else {
                    say(block, out);
                }
            }
            Some("content_block_delta") => {
                let delta = &value["delta"];
                if delta["type"] == "input_json_delta" {
                    let piece = Piece {
                        index: value["index"].as_u64(),
                        id: &Value::Null,
                        name: &Value::Null,
                        arguments: &delta["partial_json"],
                    };
                    self.calls.add(&piece, &self.subject, out)?;
                } else {
                    say(delta, out);
                }
            }
            Some("message_delta") => {
                if let Some(reason) = value["delta"]["stop_reason"].as_str() {
                    self.finish = Some(finish_reason(reason));
                }
                self.usage(&value["usage"]);
            }
            Some("message_stop") => {
                self.finish.get_or_insert(FinishReason::Stop);
                return Ok(Progress::Done);
            }
            Some("error") => return Err(self.subject.error_object(&value["error"])),
            _ => {}
        }
        Ok(Progress::More)
    }

    /// Counts are of the whole message so far; the last one holds. What was read from or written to
    /// a cache is part of the prompt.
    fn usage(&mut self, usage: &Value) {
        let number = |key: &str| usage[key].as_i64().filter(|n| *n >= 0);
        if let Some(tokens) = number("input_tokens") {
            let cached = ["cache_creation_input_tokens", "cache_read_input_tokens"];
            let cached = cached.iter().filter_map(|key| number(key));
            self.usage.prompt_tokens = cached.fold(tokens, i64::saturating_add);
        }
        if let Some(tokens) = number("output_tokens") {
            self.usage.completion_tokens = tokens;
        }
    }
}

impl Events for Parser {
    fn event(
        &mut self,
        event: &Event,
        out: &mut VecDeque<ModelChunk>,
    ) -> Result<Progress, ModelError> {
        match json(event, &self.subject)? {
            Some(value) => self.message(&value, out),
            None => Ok(Progress::More),
        }
    }

    fn finished(&self) -> bool {
        self.finish.is_some()
    }

    fn end(&mut self) -> ModelChunk {
        self.calls.end(self.finish, self.usage)
    }
}

/// Text or thoughts, of a block as it begins or of a delta. Signatures are of no use here.
fn say(part: &Value, out: &mut VecDeque<ModelChunk>) {
    let text = |key: &str| part[key].as_str().filter(|text| !text.is_empty());
    if let Some(text) = text("text") {
        out.push_back(ModelChunk::Text(clean(text)));
    }
    if let Some(text) = text("thinking") {
        out.push_back(ModelChunk::Reasoning(clean(text)));
    }
}

/// A call begins with an empty object, and its arguments follow.
fn given(input: &Value) -> &Value {
    match input {
        Value::Object(members) if !members.is_empty() => input,
        _ => &Value::Null,
    }
}

fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "tool_use" => FinishReason::ToolCalls,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "refusal" => FinishReason::ContentFilter,
        _ => FinishReason::Stop,
    }
}
