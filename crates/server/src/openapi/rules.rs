//! What the handlers ask of values, in the words of JSON Schema: with the handlers' own limits, and
//! kept true by generated requests (`scripts/schemathesis.sh`).

use domain::limits::{CONTENT_CHARS, IDEMPOTENCY_KEY_BYTES, TODO_TITLE_CHARS};
use serde_json::{Value, json};

use crate::limits::{
    EMAIL_CHARS, FILTER_CHARS, HASH_DIGITS, MODEL_CHARS, NAME_CHARS, PAGES, PASSWORD_MAX_CHARS,
    PASSWORD_MIN_CHARS, TAG_CHARS, TAGS,
};

/// Unicode's `White_Space`, which `\s` is not everywhere.
const SPACE: &str = r"\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";
const CONTROL: &str = r"\u0000-\u001f\u007f-\u009f";
const NUL: &str = r"\u0000";

/// As [`crate::extract::Check::text`].
fn text(max: usize) -> Value {
    let pattern = format!("^[^{NUL}]*[^{NUL}{SPACE}][^{NUL}]*$");
    json!({ "minLength": 1, "maxLength": max, "pattern": pattern })
}

/// As [`crate::extract::Check::line`].
fn line(max: usize) -> Value {
    let pattern = format!("^[^{CONTROL}]*[^{CONTROL}{SPACE}][^{CONTROL}]*$");
    json!({ "minLength": 1, "maxLength": max, "pattern": pattern })
}

/// A [`line`], or empty, which counts as absent.
fn filter(max: usize) -> Value {
    let pattern = format!("^([^{CONTROL}]*[^{CONTROL}{SPACE}][^{CONTROL}]*)?$");
    json!({ "maxLength": max, "pattern": pattern })
}

fn password() -> Value {
    let pattern = format!("^[^{NUL}]*$");
    json!({ "minLength": PASSWORD_MIN_CHARS, "maxLength": PASSWORD_MAX_CHARS, "pattern": pattern })
}

fn email() -> Value {
    let part = format!("[^@{CONTROL}{SPACE}]+");
    json!({ "minLength": 3, "maxLength": EMAIL_CHARS, "pattern": format!("^{part}@{part}$") })
}

/// With its hyphens: the format alone does not refuse other spellings.
fn uuid() -> Value {
    let pattern = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";
    json!({ "pattern": pattern })
}

/// Of bodies: schema, property, rule.
fn properties() -> Vec<(&'static str, &'static str, Value)> {
    let hash = json!({ "pattern": format!("^[0-9a-f]{{{HASH_DIGITS}}}$") });
    let tags = json!({ "type": "string" });
    let tags = json!({ "maxItems": TAGS, "items": merged(tags, line(TAG_CHARS)) });
    vec![
        ("RegisterRequest", "email", email()),
        ("RegisterRequest", "full_name", line(NAME_CHARS)),
        ("RegisterRequest", "password", password()),
        ("AdminUserCreate", "email", email()),
        ("AdminUserCreate", "full_name", line(NAME_CHARS)),
        ("AdminUserCreate", "password", password()),
        (
            "LoginRequest",
            "email",
            json!({ "pattern": format!("^[^{NUL}]*$") }),
        ),
        ("ProfileChange", "full_name", line(NAME_CHARS)),
        ("PasswordChange", "new_password", password()),
        ("MessageCreate", "content", text(CONTENT_CHARS)),
        ("MessageCreate", "client_message_id", uuid()),
        ("MessageCreate", "model", line(MODEL_CHARS)),
        ("MessageCreate", "agent_id", json!({ "type": "null" })),
        ("MessageChange", "content", text(CONTENT_CHARS)),
        ("ConversationCreate", "model", line(MODEL_CHARS)),
        ("ConversationChange", "model", line(MODEL_CHARS)),
        ("RegenerateRequest", "model", line(MODEL_CHARS)),
        ("ApprovalDecision", "arguments_hash", hash),
        (
            "ConversationCreate",
            "title",
            line(domain::limits::TITLE_CHARS),
        ),
        (
            "ConversationChange",
            "title",
            line(domain::limits::TITLE_CHARS),
        ),
        ("ConversationChange", "tags", tags),
        ("TodoCreate", "title", text(TODO_TITLE_CHARS)),
        ("TodoChange", "title", text(TODO_TITLE_CHARS)),
    ]
}

/// Of queries and headers: operation, parameter, rule.
fn parameters() -> Vec<(&'static str, &'static str, Value)> {
    let cursor = json!({ "pattern": "^([0-9a-f]{1,15}-[0-9a-f]{1,15})?$" });
    let key = json!({ "pattern": format!("^[!-~]{{1,{IDEMPOTENCY_KEY_BYTES}}}$") });
    vec![
        ("add_todo", "Idempotency-Key", key.clone()),
        ("create_conversation", "Idempotency-Key", key.clone()),
        ("regenerate", "Idempotency-Key", key.clone()),
        ("send_message", "Idempotency-Key", key),
        ("list_calls", "state", json!({ "pattern": "^(unknown)?$" })),
        ("list_conversations", "page", json!({ "maximum": PAGES })),
        ("list_conversations", "cursor", cursor),
        ("list_conversations", "q", filter(FILTER_CHARS)),
        ("list_conversations", "tag", filter(TAG_CHARS)),
        ("list_messages", "before", json!({ "minimum": 1 })),
        ("list_messages", "after", json!({ "minimum": 1 })),
        ("list_messages", "around", json!({ "minimum": 1 })),
    ]
}

/// Adds all of them to the document.
pub(super) fn apply(document: &mut Value) {
    for (schema, property, rule) in properties() {
        let place = format!("/components/schemas/{schema}/properties/{property}");
        match document.pointer_mut(&place) {
            Some(found) => *found = merged(found.take(), rule),
            None => unreachable!("there is no {place}"),
        }
    }
    let mut rules = parameters();
    let paths = document["paths"].as_object_mut().into_iter();
    for item in paths.flat_map(|paths| paths.values_mut()) {
        for operation in item
            .as_object_mut()
            .into_iter()
            .flat_map(|item| item.values_mut())
        {
            let id = operation["operationId"].clone();
            optional_body(operation);
            event_streams(operation);
            // Indexing would make an empty list where there is none.
            let parameters = operation
                .get_mut("parameters")
                .and_then(Value::as_array_mut);
            for parameter in parameters.into_iter().flatten() {
                plain_header(parameter);
                if let Some(at) = rules
                    .iter()
                    .position(|(operation, name, _)| id == *operation && parameter["name"] == *name)
                {
                    let (_, _, rule) = rules.remove(at);
                    parameter["schema"] = merged(parameter["schema"].take(), rule);
                }
            }
        }
    }
    assert!(rules.is_empty(), "no such parameters: {rules:?}");
}

/// A body may be left out; `null` is not a way of saying so.
fn optional_body(operation: &mut Value) {
    let Some(schema) = operation.pointer_mut("/requestBody/content/application~1json/schema")
    else {
        return;
    };
    let choices = schema["oneOf"].as_array().cloned().unwrap_or_default();
    if let [object, null] = choices.as_slice()
        && *null == json!({ "type": "null" })
    {
        *schema = object.clone();
        operation["requestBody"]["required"] = json!(false);
    }
}

/// The schema of an event stream is that of its events, as OpenAPI 3.2 says it: the frame is the
/// JSON text of an event's `data`.
fn event_streams(operation: &mut Value) {
    let responses = operation
        .get_mut("responses")
        .and_then(Value::as_object_mut);
    for response in responses
        .into_iter()
        .flat_map(|responses| responses.values_mut())
    {
        if let Some(schema) = response.pointer_mut("/content/text~1event-stream/schema") {
            let frame = schema.take();
            *schema = json!({
                "type": "object",
                "required": ["event", "data"],
                "properties": {
                    "id": { "type": "string", "description": "The frame's `cursor`" },
                    "event": { "type": "string", "description": "The frame's `type`" },
                    "data": {
                        "type": "string",
                        "contentMediaType": "application/json",
                        "contentSchema": frame,
                    },
                },
            });
        }
    }
}

/// A header is there or not; it can't be `null`.
fn plain_header(parameter: &mut Value) {
    if parameter["in"] == "header" && parameter["schema"]["type"] == json!(["string", "null"]) {
        parameter["schema"]["type"] = json!("string");
    }
}

fn merged(mut schema: Value, rule: Value) -> Value {
    if let (Some(schema), Value::Object(rule)) = (schema.as_object_mut(), rule) {
        schema.extend(rule);
    }
    schema
}
