//! Tool calls as they come from a model, made ready for the machine.

use std::collections::HashSet;

use domain::{ApprovalId, CallId, Ids, ToolCall};
use serde_json::Value;

use crate::machine::NewCall;
use crate::ports::RawToolCall;

/// Gives each call its ids and parses its arguments. Providers send ids twice or not at all; ours
/// stand in then, so that every result names one call.
pub(crate) fn ready(raw: Vec<RawToolCall>, ids: &dyn Ids) -> Vec<NewCall> {
    let mut seen = HashSet::new();
    raw.into_iter()
        .map(|raw| {
            let call_id = CallId::new(ids);
            let own = raw.provider_id.is_empty() || !seen.insert(raw.provider_id.clone());
            let (arguments, defect) = parse(&raw.arguments);
            NewCall {
                call: ToolCall {
                    call_id,
                    provider_id: if own {
                        call_id.to_string()
                    } else {
                        raw.provider_id
                    },
                    // Names go into columns and cards: a wild one is cut, and then simply unknown.
                    name: raw
                        .name
                        .chars()
                        .filter(|c| !c.is_control())
                        .take(64)
                        .collect(),
                    arguments,
                },
                approval_id: ApprovalId::new(ids),
                defect,
            }
        })
        .collect()
}

fn parse(text: &str) -> (Value, Option<String>) {
    if text.trim().is_empty() {
        return (Value::Object(serde_json::Map::new()), None);
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value) if value.is_object() && !contains_nul(&value) => (value, None),
        Ok(_) => (
            Value::Object(serde_json::Map::new()),
            Some("The arguments must be one JSON object without NUL characters.".to_owned()),
        ),
        Err(error) => (
            Value::Object(serde_json::Map::new()),
            Some(format!("The arguments are not valid JSON: {error}.")),
        ),
    }
}

/// PostgreSQL stores no NUL.
fn contains_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(contains_nul),
        Value::Object(map) => map
            .iter()
            .any(|(key, value)| key.contains('\0') || contains_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
