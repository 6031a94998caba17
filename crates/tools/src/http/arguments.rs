//! Arguments against the tool's schema.

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use crate::egress::shortened;

/// Of one call, named to the model.
const ERRORS_SHOWN: usize = 3;
const ERROR_BYTES: usize = 300;

/// Compiles a schema. Patterns run in linear time: what a model sends must not hold the server up.
pub(crate) fn compile(schema: &Value) -> Result<Validator, String> {
    if schema.get("type") != Some(&Value::from("object")) {
        return Err("its schema must describe an object: \"type\": \"object\"".to_owned());
    }
    jsonschema::options()
        .with_pattern_options(PatternOptions::regex())
        .build(schema)
        .map_err(|error| {
            let (place, words) = (error.instance_path().to_string(), error.to_string());
            format!(
                "its schema is wrong at `{place}`: {}",
                shortened(&words, ERROR_BYTES)
            )
        })
}

/// What is wrong with the arguments, for the model.
pub(crate) fn check(schema: &Validator, arguments: &Value) -> Result<(), String> {
    let wrong: Vec<String> = schema
        .iter_errors(arguments)
        .take(ERRORS_SHOWN)
        .map(|error| {
            let place = error.instance_path().to_string();
            let words = shortened(&error.to_string(), ERROR_BYTES);
            if place.is_empty() {
                words
            } else {
                format!("{place}: {words}")
            }
        })
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("The arguments don't fit: {}.", wrong.join("; ")))
}
