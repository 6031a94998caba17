//! Chunks of a chat completion to [`ModelChunk`]s.

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
    end_mark: bool,
    usage: Usage,
}

impl Parser {
    pub(super) fn new(subject: Subject) -> Self {
        Self {
            subject,
            calls: Calls::default(),
            finish: None,
            end_mark: false,
            usage: Usage::default(),
        }
    }

    fn chunk(&mut self, value: &Value, out: &mut VecDeque<ModelChunk>) -> Result<(), ModelError> {
        if let Some(error) = value.get("error").filter(|error| !error.is_null()) {
            return Err(self.subject.error_object(error));
        }
        if !value.is_object() {
            return Err(self.subject.protocol("a piece that is not an object"));
        }
        self.usage(value.get("usage"));
        let choices = value.get("choices").and_then(Value::as_array);
        for choice in choices.into_iter().flatten() {
            if choice.get("index").and_then(Value::as_u64).unwrap_or(0) != 0 {
                continue;
            }
            // `message` in answers that were not streamed.
            if let Some(delta) = choice.get("delta").or_else(|| choice.get("message")) {
                self.delta(delta, out)?;
            }
            if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str) {
                self.finish = Some(finish_reason(reason));
            }
            // Groq and some others put it here.
            self.usage(choice.get("usage"));
        }
        Ok(())
    }

    fn delta(&mut self, delta: &Value, out: &mut VecDeque<ModelChunk>) -> Result<(), ModelError> {
        // Two names for one thing; some send both.
        let reasoning = ["reasoning_content", "reasoning"]
            .iter()
            .find_map(|key| delta.get(key)?.as_str().filter(|text| !text.is_empty()));
        if let Some(text) = reasoning {
            out.push_back(ModelChunk::Reasoning(clean(text)));
        }
        match delta.get("content") {
            Some(Value::String(text)) if !text.is_empty() => {
                out.push_back(ModelChunk::Text(clean(text)));
            }
            Some(Value::Array(parts)) => parts.iter().for_each(|part| content_part(part, out)),
            _ => {}
        }
        if let Some(text) = delta
            .get("refusal")
            .and_then(Value::as_str)
            .filter(|t| !t.is_empty())
        {
            out.push_back(ModelChunk::Text(clean(text)));
        }
        let pieces = delta.get("tool_calls").and_then(Value::as_array);
        for piece in pieces.into_iter().flatten() {
            let function = &piece["function"];
            let piece = Piece {
                index: piece["index"].as_u64(),
                id: &piece["id"],
                name: &function["name"],
                arguments: &function["arguments"],
            };
            self.calls.add(&piece, &self.subject, out)?;
        }
        Ok(())
    }

    /// Empty, null and partial ones are common; the last number wins.
    fn usage(&mut self, usage: Option<&Value>) {
        let Some(usage) = usage else { return };
        let number = |key: &str| usage.get(key).and_then(Value::as_i64).filter(|n| *n >= 0);
        if let Some(tokens) = number("prompt_tokens") {
            self.usage.prompt_tokens = tokens;
        }
        if let Some(tokens) = number("completion_tokens") {
            self.usage.completion_tokens = tokens;
        }
    }
}

impl Events for Parser {
    fn finished(&self) -> bool {
        self.end_mark || self.finish.is_some()
    }

    fn event(
        &mut self,
        event: &Event,
        out: &mut VecDeque<ModelChunk>,
    ) -> Result<Progress, ModelError> {
        let data = event.data.trim();
        if data == "[DONE]" {
            self.end_mark = true;
            return Ok(Progress::Done);
        }
        if data.is_empty() {
            return Ok(Progress::More);
        }
        if let Some(value) = json(event, &self.subject)? {
            self.chunk(&value, out)?;
        }
        Ok(Progress::More)
    }

    fn end(&mut self) -> ModelChunk {
        self.calls.end(self.finish, self.usage)
    }
}

/// Mistral's form: `{"type": "text", "text": …}`, `{"type": "thinking", "thinking": [{…}]}`.
fn content_part(part: &Value, out: &mut VecDeque<ModelChunk>) {
    if let Some(text) = part
        .get("text")
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
    {
        out.push_back(ModelChunk::Text(clean(text)));
    }
    let thoughts = part.get("thinking").and_then(Value::as_array);
    for text in thoughts
        .into_iter()
        .flatten()
        .filter_map(|t| t.get("text")?.as_str())
    {
        out.push_back(ModelChunk::Reasoning(clean(text)));
    }
}

fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        "length" | "max_tokens" => FinishReason::Length,
        "content_filter" => FinishReason::ContentFilter,
        _ => FinishReason::Stop,
    }
}

/// An answer that came as one JSON body.
pub(super) fn whole(body: &[u8], subject: &Subject) -> Result<VecDeque<ModelChunk>, ModelError> {
    let text = super::utf8(body, subject)?;
    let value = serde_json::from_str::<Value>(text)
        .map_err(|_| subject.protocol("a body that is not JSON"))?;
    let mut parser = Parser::new(subject.clone());
    let mut out = VecDeque::new();
    parser.chunk(&value, &mut out)?;
    if !value.get("choices").is_some_and(Value::is_array) {
        return Err(subject.protocol("JSON that is not an answer"));
    }
    out.push_back(parser.end());
    Ok(out)
}
