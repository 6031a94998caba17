//! Pieces of a generated content to [`ModelChunk`]s.

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
    /// Calls so far: they come whole, and have no numbers.
    called: u64,
    finish: Option<FinishReason>,
    usage: Usage,
}

impl Parser {
    pub(super) fn new(subject: Subject) -> Self {
        Self {
            subject,
            calls: Calls::default(),
            called: 0,
            finish: None,
            usage: Usage::default(),
        }
    }

    fn piece(&mut self, value: &Value, out: &mut VecDeque<ModelChunk>) -> Result<(), ModelError> {
        if let Some(error) = value.get("error").filter(|error| !error.is_null()) {
            return Err(self.subject.error_object(error));
        }
        if !value.is_object() {
            return Err(self.subject.protocol("a piece that is not an object"));
        }
        self.usage(&value["usageMetadata"]);
        let candidate = &value["candidates"][0];
        let parts = candidate["content"]["parts"].as_array();
        for part in parts.into_iter().flatten() {
            self.part(part, out)?;
        }
        if let Some(reason) = candidate["finishReason"].as_str() {
            self.finish = Some(finish_reason(reason));
        }
        // The question itself was refused: there is no candidate.
        if value["promptFeedback"]["blockReason"].is_string() {
            self.finish = Some(FinishReason::ContentFilter);
        }
        Ok(())
    }

    fn part(&mut self, part: &Value, out: &mut VecDeque<ModelChunk>) -> Result<(), ModelError> {
        if let Some(text) = part["text"].as_str().filter(|text| !text.is_empty()) {
            out.push_back(if part["thought"] == true {
                ModelChunk::Reasoning(clean(text))
            } else {
                ModelChunk::Text(clean(text))
            });
        }
        let call = &part["functionCall"];
        if call.is_object() {
            let piece = Piece {
                index: Some(self.called),
                id: &call["id"],
                name: &call["name"],
                arguments: &call["args"],
            };
            self.called += 1;
            self.calls.add(&piece, &self.subject, out)?;
        }
        Ok(())
    }

    /// Every piece has the counts of all so far. Thoughts are counted apart and paid for as output.
    fn usage(&mut self, usage: &Value) {
        let sum = |keys: [&str; 2]| {
            let known = keys.iter().filter_map(|key| usage[*key].as_i64());
            known.filter(|n| *n >= 0).reduce(i64::saturating_add)
        };
        if let Some(tokens) = sum(["promptTokenCount", "toolUsePromptTokenCount"]) {
            self.usage.prompt_tokens = tokens;
        }
        if let Some(tokens) = sum(["candidatesTokenCount", "thoughtsTokenCount"]) {
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
        // There is no end mark: the stream ends, after its finish reason.
        if let Some(value) = json(event, &self.subject)? {
            self.piece(&value, out)?;
        }
        Ok(Progress::More)
    }

    fn finished(&self) -> bool {
        self.finish.is_some()
    }

    fn end(&mut self) -> ModelChunk {
        self.calls.end(self.finish, self.usage)
    }
}

fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "IMAGE_SAFETY" => {
            FinishReason::ContentFilter
        }
        _ => FinishReason::Stop,
    }
}
