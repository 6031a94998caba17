//! The hash that binds an approval to exactly one call.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// Lower-case hex of `sha256(tool name, NUL, canonical JSON of the arguments)`.
#[must_use]
pub fn arguments_hash(tool: &str, arguments: &Value) -> String {
    let mut hash = Sha256::new();
    hash.update(tool.as_bytes());
    hash.update([0]);
    hash.update(canonical(arguments).as_bytes());
    hex::encode(hash.finalize())
}

/// JSON without white space and with sorted keys, whatever order the map keeps.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_canonical(value, &mut out);
    out
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            out.push('{');
            for (position, key) in keys.into_iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_canonical(&Value::String(key.clone()), out);
                out.push(':');
                write_canonical(&map[key.as_str()], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        // Writing to a String can't fail.
        scalar => drop(write!(out, "{scalar}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{arguments_hash, canonical};

    #[test]
    fn order_of_keys_does_not_matter_and_values_do() {
        let one = json!({"b": [1, {"z": null, "a": "é"}], "a": true});
        assert_eq!(canonical(&one), r#"{"a":true,"b":[1,{"a":"é","z":null}]}"#);
        assert_ne!(
            arguments_hash("t", &json!({"a": 1})),
            arguments_hash("t", &json!({"a": 2}))
        );
        assert_ne!(
            arguments_hash("t", &json!({})),
            arguments_hash("u", &json!({}))
        );
    }
}
