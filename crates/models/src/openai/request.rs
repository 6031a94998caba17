//! The body of `POST /chat/completions`.

use agent::ports::{ModelMessage, ModelRequest, ToolSpec};
use domain::ToolCall;
use serde_json::{Value, json};

/// What an endpoint may not understand.
#[derive(Clone, Copy)]
pub(super) struct Options {
    pub(super) tools: bool,
    /// Ask for usage at the end of the stream.
    pub(super) usage: bool,
    /// The vendor's own endpoint, which has renamed the output limit; others know only the old
    /// name.
    pub(super) newest: bool,
}

pub(super) fn body(model: &str, request: &ModelRequest, options: Options) -> Value {
    let mut messages = vec![];
    if !request.system.is_empty() {
        messages.push(json!({ "role": "system", "content": request.system }));
    }
    messages.extend(request.messages.iter().filter_map(message));
    let mut body = json!({ "model": model, "stream": true });
    if options.usage {
        body["stream_options"] = json!({ "include_usage": true });
    }
    if let Some(prefill) = &request.prefill {
        messages.push(json!({ "role": "assistant", "content": prefill }));
        // vLLM wants both; llama.cpp goes on from a trailing assistant message.
        body["continue_final_message"] = json!(true);
        body["add_generation_prompt"] = json!(false);
    }
    body["messages"] = Value::Array(messages);
    if options.tools {
        body["tools"] = request.tools.iter().map(tool).collect();
    }
    if let Some(limit) = request.max_output_tokens {
        body[if options.newest {
            "max_completion_tokens"
        } else {
            "max_tokens"
        }] = json!(limit);
    }
    body
}

fn message(message: &ModelMessage) -> Option<Value> {
    Some(match message {
        ModelMessage::User(text) => json!({ "role": "user", "content": text }),
        ModelMessage::Assistant { text, calls } if calls.is_empty() => {
            if text.is_empty() {
                return None;
            }
            json!({ "role": "assistant", "content": text })
        }
        ModelMessage::Assistant { text, calls } => json!({
            "role": "assistant",
            "content": if text.is_empty() { Value::Null } else { json!(text) },
            "tool_calls": calls.iter().map(call).collect::<Vec<_>>(),
        }),
        ModelMessage::ToolResult {
            provider_id,
            content,
            ..
        } => {
            json!({ "role": "tool", "tool_call_id": provider_id, "content": content })
        }
    })
}

fn call(call: &ToolCall) -> Value {
    json!({
        "id": call.provider_id,
        "type": "function",
        "function": { "name": call.name, "arguments": call.arguments.to_string() },
    })
}

fn tool(tool: &ToolSpec) -> Value {
    json!({
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.schema,
        },
    })
}
