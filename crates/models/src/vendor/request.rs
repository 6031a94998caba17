//! A branch of messages in genai's form.

use agent::ports::{ModelMessage, ModelRequest, ToolSpec};
use genai::chat::{
    ChatMessage, ChatRequest, ContentPart, MessageContent, Tool, ToolCall, ToolResponse,
};
use serde_json::json;

pub(super) fn chat_request(request: ModelRequest) -> ChatRequest {
    let mut messages: Vec<ChatMessage> = vec![];
    let mut results: Vec<ToolResponse> = vec![];
    for message in request.messages {
        if !matches!(message, ModelMessage::ToolResult { .. }) && !results.is_empty() {
            // All results of a turn in one message, as both vendors want.
            messages.push(ChatMessage::tool(MessageContent::from_tool_responses(
                std::mem::take(&mut results),
            )));
        }
        match message {
            ModelMessage::User(text) => messages.push(ChatMessage::user(text)),
            ModelMessage::Assistant { text, calls } => {
                let mut parts: Vec<ContentPart> = vec![];
                if !text.is_empty() {
                    parts.push(ContentPart::Text(text));
                }
                parts.extend(calls.into_iter().map(call));
                if !parts.is_empty() {
                    messages.push(ChatMessage::assistant(MessageContent::from_parts(parts)));
                }
            }
            ModelMessage::ToolResult {
                provider_id,
                name,
                content,
            } => {
                results.push(ToolResponse::new(plain_id(&provider_id), content).with_fn_name(name))
            }
        }
    }
    if !results.is_empty() {
        messages.push(ChatMessage::tool(MessageContent::from_tool_responses(
            results,
        )));
    }
    if let Some(prefill) = request.prefill {
        messages.push(ChatMessage::assistant(prefill));
    }
    let mut made = ChatRequest::from_messages(messages);
    if !request.system.is_empty() {
        made = made.with_system(request.system);
    }
    if !request.tools.is_empty() {
        made = made.with_tools(request.tools.into_iter().map(tool).collect::<Vec<_>>());
    }
    made
}

fn call(call: domain::ToolCall) -> ContentPart {
    ContentPart::ToolCall(ToolCall {
        call_id: plain_id(&call.provider_id),
        fn_name: call.name,
        fn_arguments: if call.arguments.is_object() {
            call.arguments
        } else {
            json!({})
        },
        thought_signatures: None,
    })
}

fn tool(tool: ToolSpec) -> Tool {
    Tool::new(tool.name)
        .with_description(tool.description)
        .with_schema(tool.schema)
}

/// Anthropic refuses ids of other shapes, such as those of another provider in the same branch.
fn plain_id(id: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    id.chars().map(|c| if plain(c) { c } else { '_' }).collect()
}
