//! Tool calls as they come from a model, made ready for the machine.

use std::collections::HashSet;

use domain::{ApprovalId, CallId, Ids, ToolCall};
use serde_json::Value;

use crate::machine::NewCall;
use crate::ports::RawToolCall;

/// Ids of providers are some 30 bytes.
const PROVIDER_ID_BYTES: usize = 256;

/// Gives each call its ids and parses its arguments. Providers send ids twice or not at all; ours
/// stand in then, so that every result names one call.
pub(crate) fn ready(raw: Vec<RawToolCall>, ids: &dyn Ids) -> Vec<NewCall> {
    let mut seen = HashSet::new();
    raw.into_iter()
        .map(|raw| {
            let call_id = CallId::new(ids);
            let own = !usable(&raw.provider_id) || !seen.insert(raw.provider_id.clone());
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

/// An id is stored as it came, and PostgreSQL stores no NUL.
fn usable(provider_id: &str) -> bool {
    (1..=PROVIDER_ID_BYTES).contains(&provider_id.len()) && !provider_id.contains(char::is_control)
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use domain::Ids;
    use uuid::Uuid;

    use super::ready;
    use crate::ports::RawToolCall;

    #[derive(Default)]
    struct Counting(AtomicU64);

    impl Ids for Counting {
        fn uuid(&self) -> Uuid {
            Uuid::from_u128(self.0.fetch_add(1, Ordering::Relaxed).into())
        }

        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    #[test]
    fn an_id_that_cannot_be_stored_or_names_two_calls_is_replaced() {
        let raw = ["call_1", "call_1", "", "call\0x", &"x".repeat(300)].map(|id| RawToolCall {
            provider_id: id.to_owned(),
            name: "now".to_owned(),
            arguments: String::new(),
        });
        let calls = ready(raw.into(), &Counting::default());
        assert_eq!(calls[0].call.provider_id, "call_1");
        for new in &calls[1..] {
            assert_eq!(new.call.provider_id, new.call.call_id.to_string());
        }
    }
}
