//! Objects of the API: their members, what those may be, and links from one to the other.

use serde_json::Value;

use super::html::{code, escape, prose, push, row};

const REFERENCE: &str = "#/components/schemas/";

/// All of them, by name.
pub(super) fn objects(html: &mut String, api: &Value) {
    html.push_str("<h2 id=\"objects\">Objects</h2>");
    for (name, schema) in api["components"]["schemas"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let name = escape(name);
        push(
            html,
            format_args!("<section id=\"{name}\"><h3><code>{name}</code></h3>"),
        );
        paragraph(html, schema);
        if !members(html, api, schema) {
            push(html, format_args!("<p>{}</p>", kind(schema)));
        }
        html.push_str("</section>");
    }
}

/// The table of an object's members, whether it stands here or is only named; `false`: it has none.
pub(super) fn members(html: &mut String, api: &Value, schema: &Value) -> bool {
    let schema = name(schema).map_or(schema, |name| &api["components"]["schemas"][name]);
    let Some(properties) = schema["properties"].as_object() else {
        return false;
    };
    let required = |name: &str| {
        let mut names = schema["required"].as_array().into_iter().flatten();
        names.any(|other| other == name)
    };
    html.push_str("<table>");
    for (name, property) in properties {
        let presence = if required(name) {
            ""
        } else {
            "may be left out"
        };
        let about = prose(property["description"].as_str().unwrap_or_default());
        let named = described_inside(property).map(prose).unwrap_or_default();
        row(
            html,
            &[&code(name), &kind(property), presence, &(about + &named)],
        );
    }
    html.push_str("</table>");
    true
}

pub(super) fn paragraph(html: &mut String, described: &Value) {
    let text = described["description"].as_str().unwrap_or_default();
    for paragraph in text.split("\n\n").filter(|text| !text.is_empty()) {
        push(html, format_args!("<p>{}</p>", prose(paragraph)));
    }
}

/// What a value may be, such as `array of <a …>Todo</a>` or `string (uuid) or null`.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = name(schema) {
        let name = escape(name);
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    if let Some(values) = schema["enum"].as_array() {
        let values = values.iter().filter_map(Value::as_str).map(code);
        return values.collect::<Vec<_>>().join(" | ");
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => vec!["any value"],
    };
    let types = types.into_iter().map(|one| match one {
        "array" => format!("array of {}", kind(&schema["items"])),
        "null" => "null".to_owned(),
        other => format!("{}{}", escape(other), bounds(schema)),
    });
    types.collect::<Vec<_>>().join(" or ")
}

fn bounds(schema: &Value) -> String {
    let mut said = Vec::new();
    said.extend(schema["format"].as_str().map(escape));
    for (key, words) in [
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("maxLength", "at most"),
    ] {
        if let Some(number) = schema[key].as_i64() {
            let what = if key == "maxLength" {
                " characters"
            } else {
                ""
            };
            said.push(format!("{words} {number}{what}"));
        }
    }
    if said.is_empty() {
        String::new()
    } else {
        format!(" ({})", said.join(", "))
    }
}

fn name(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix(REFERENCE)
}

/// Words that belong to the member stand within its choices where one of them is null.
fn described_inside(schema: &Value) -> Option<&str> {
    let mut choices = schema["oneOf"].as_array()?.iter();
    choices.find_map(|choice| choice["description"].as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_are_said_in_words() {
        let todo = json!({ "$ref": "#/components/schemas/Todo" });
        for (schema, words) in [
            (
                json!({ "type": "integer", "format": "int64" }),
                "integer (int64)",
            ),
            (
                json!({ "type": ["string", "null"], "format": "uuid", "maxLength": 9 }),
                "string (uuid, at most 9 characters) or null",
            ),
            (todo.clone(), "<a href=\"#Todo\">Todo</a>"),
            (
                json!({ "type": "array", "items": todo }),
                "array of <a href=\"#Todo\">Todo</a>",
            ),
            (
                json!({ "type": "string", "enum": ["a", "b"] }),
                "<code>a</code> | <code>b</code>",
            ),
            (
                json!({ "oneOf": [todo, { "type": "null" }] }),
                "<a href=\"#Todo\">Todo</a> or null",
            ),
            (json!({}), "any value"),
        ] {
            assert_eq!(kind(&schema), words, "{schema}");
        }
    }
}
