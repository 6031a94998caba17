//! The body of `POST /messages`.

use agent::ports::{ModelMessage, ModelRequest, ToolSpec};
use domain::ToolCall;
use serde_json::{Value, json};

/// A limit is required; the engine names one for every call.
const OUTPUT_TOKENS: u32 = 4_096;

pub(super) fn body(model: &str, request: &ModelRequest) -> Value {
    let mut messages: Vec<Value> = vec![];
    let mut results: Vec<Value> = vec![];
    for message in &request.messages {
        if let ModelMessage::ToolResult {
            provider_id,
            content,
            ..
        } = message
        {
            results.push(json!({
                "type": "tool_result", "tool_use_id": plain_id(provider_id), "content": content,
            }));
            continue;
        }
        take_results(&mut results, &mut messages);
        messages.extend(turn(message));
    }
    take_results(&mut results, &mut messages);
    if let Some(prefill) = &request.prefill {
        messages.push(json!({ "role": "assistant", "content": prefill }));
    }
    let mut body = json!({
        "model": model,
        "stream": true,
        "max_tokens": request.max_output_tokens.unwrap_or(OUTPUT_TOKENS),
        "messages": messages,
    });
    if !request.system.is_empty() {
        body["system"] = json!(request.system);
    }
    if !request.tools.is_empty() {
        body["tools"] = request.tools.iter().map(tool).collect();
    }
    body
}

/// All results of a turn are one message.
fn take_results(results: &mut Vec<Value>, messages: &mut Vec<Value>) {
    if !results.is_empty() {
        messages.push(json!({ "role": "user", "content": std::mem::take(results) }));
    }
}

fn turn(message: &ModelMessage) -> Option<Value> {
    match message {
        ModelMessage::User(text) => Some(json!({ "role": "user", "content": text })),
        ModelMessage::Assistant { text, calls } => {
            let said = (!text.is_empty()).then(|| json!({ "type": "text", "text": text }));
            let parts: Vec<Value> = said.into_iter().chain(calls.iter().map(call)).collect();
            (!parts.is_empty()).then(|| json!({ "role": "assistant", "content": parts }))
        }
        ModelMessage::ToolResult { .. } => None,
    }
}

fn call(call: &ToolCall) -> Value {
    let input = if call.arguments.is_object() {
        call.arguments.clone()
    } else {
        json!({})
    };
    json!({
        "type": "tool_use", "id": plain_id(&call.provider_id), "name": call.name, "input": input,
    })
}

fn tool(tool: &ToolSpec) -> Value {
    json!({ "name": tool.name, "description": tool.description, "input_schema": tool.schema })
}

/// Ids of other shapes are refused, such as those of another provider in the same branch.
fn plain_id(id: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    id.chars().map(|c| if plain(c) { c } else { '_' }).collect()
}
