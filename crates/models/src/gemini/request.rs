//! The body of `streamGenerateContent`.

use agent::ports::{ModelMessage, ModelRequest, ToolSpec};
use domain::ToolCall;
use serde_json::{Value, json};

/// Gemini 3 wants the first call of a turn signed, and takes this where no signature was kept.
/// <https://ai.google.dev/gemini-api/docs/thought-signatures#faqs>
const UNSIGNED: &str = "skip_thought_signature_validator";

pub(super) fn body(model: &str, request: &ModelRequest) -> Value {
    let mut contents: Vec<Value> = vec![];
    let mut results: Vec<Value> = vec![];
    for message in &request.messages {
        if let ModelMessage::ToolResult {
            provider_id,
            name,
            content,
        } = message
        {
            let mut answered =
                json!({ "name": name, "response": { "name": name, "content": content } });
            identify(&mut answered, provider_id);
            results.push(json!({ "functionResponse": answered }));
            continue;
        }
        take_results(&mut results, &mut contents);
        contents.extend(turn(model, message));
    }
    take_results(&mut results, &mut contents);
    if let Some(prefill) = &request.prefill {
        contents.push(json!({ "role": "model", "parts": [{ "text": prefill }] }));
    }
    let mut body = json!({ "contents": contents });
    if !request.system.is_empty() {
        body["systemInstruction"] = json!({ "parts": [{ "text": request.system }] });
    }
    if !request.tools.is_empty() {
        let declared: Vec<Value> = request.tools.iter().map(tool).collect();
        body["tools"] = json!([{ "functionDeclarations": declared }]);
    }
    if let Some(limit) = request.max_output_tokens {
        body["generationConfig"] = json!({ "maxOutputTokens": limit });
    }
    body
}

/// All results of a turn are one message.
fn take_results(results: &mut Vec<Value>, contents: &mut Vec<Value>) {
    if !results.is_empty() {
        contents.push(json!({ "role": "user", "parts": std::mem::take(results) }));
    }
}

fn turn(model: &str, message: &ModelMessage) -> Option<Value> {
    match message {
        ModelMessage::User(text) => Some(json!({ "role": "user", "parts": [{ "text": text }] })),
        ModelMessage::Assistant { text, calls } => {
            let mut parts: Vec<Value> = calls.iter().map(call).collect();
            if let Some(first) = parts.first_mut()
                && model.contains("gemini-3")
            {
                first["thoughtSignature"] = json!(UNSIGNED);
            }
            if !text.is_empty() {
                parts.insert(0, json!({ "text": text }));
            }
            (!parts.is_empty()).then(|| json!({ "role": "model", "parts": parts }))
        }
        ModelMessage::ToolResult { .. } => None,
    }
}

fn call(call: &ToolCall) -> Value {
    let args = if call.arguments.is_object() {
        call.arguments.clone()
    } else {
        json!({})
    };
    let mut made = json!({ "name": call.name, "args": args });
    identify(&mut made, &call.provider_id);
    json!({ "functionCall": made })
}

/// A call and its result belong together by their id, where there is one, else by their order.
fn identify(part: &mut Value, id: &str) {
    if !id.is_empty() {
        part["id"] = json!(id);
    }
}

/// The field that takes any JSON Schema; `parameters` takes a part of it only.
fn tool(tool: &ToolSpec) -> Value {
    json!({
        "name": tool.name, "description": tool.description, "parametersJsonSchema": tool.schema,
    })
}
