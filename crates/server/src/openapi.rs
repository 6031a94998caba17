//! The API's published form, made from the routes themselves.

mod rules;

use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::error::CODES;
use crate::operations::{Access, Operation, find};
use crate::wire::frame::Frame;
use crate::wire::problem::ProblemResponse;
use crate::{routes, ws};

/// What is not said by a route.
#[derive(OpenApi)]
#[openapi(
    info(title = "Rejoinder", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    components(schemas(Frame, ProblemResponse)),
    tags(
        (name = "auth", description = "Accounts and logins"),
        (name = "admin", description = "For admins"),
        (name = "chat", description = "Conversations, messages, runs, approvals"),
        (name = "live", description = "What happens, as it happens"),
        (name = "models", description = "Models and tools"),
        (name = "todos", description = "Todos"),
        (name = "server", description = "About the server"),
    )
)]
pub(crate) struct Base;

/// OpenAPI 3.1.
#[must_use]
pub fn openapi() -> Value {
    let (_, api) = routes::documented().split_for_parts();
    let mut document = match serde_json::to_value(api) {
        Ok(document) => document,
        Err(error) => unreachable!("the document is plain data: {error}"),
    };
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    document["info"]["description"] = json!(description());
    document["components"]["securitySchemes"] = json!({
        "access_token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
    });
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, item) in paths.iter_mut() {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                complete(operation, find(method, path));
            }
        }
    }
    rules::apply(&mut document);
    sorted(document)
}

/// Pretty, in a stable order, with a line feed at the end.
#[must_use]
pub fn openapi_json() -> String {
    format!("{:#}\n", openapi())
}

/// Adds what follows from the list of operations: who may call, and every refusal.
fn complete(operation: &mut Value, listed: Option<&Operation>) {
    let Some(listed) = listed else { return };
    let takes_body = operation.get("requestBody").is_some();
    let mut statuses = vec![500, 503];
    statuses.extend(listed.errors);
    if takes_body {
        statuses.extend([400, 408, 413, 415, 422]);
    }
    match listed.access {
        Access::Public | Access::Secret | Access::Operator => {
            operation["security"] = json!([]);
        }
        Access::Account => {
            statuses.push(401);
            operation["security"] = json!([{ "access_token": [] }]);
        }
        Access::Admin => {
            statuses.extend([401, 403]);
            operation["security"] = json!([{ "access_token": [] }]);
        }
    }
    for status in statuses {
        operation["responses"][status.to_string()] = json!({
            "description": meaning(status),
            "content": {
                "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } },
            },
        });
    }
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The body is not JSON",
        401 => "No valid login",
        403 => "Not allowed",
        404 => "Unknown, deleted or somebody else's",
        408 => "The body did not arrive in time",
        409 => "A rule refuses it; `code` says which",
        410 => "What this key made was deleted",
        413 => "The body is too large",
        415 => "The body must be JSON",
        422 => "A value is not allowed; `errors` says which",
        426 => "The path speaks WebSocket only",
        429 => "Too often; `Retry-After` says when to come back",
        500 => "A defect; the request id leads the operator to the reason",
        503 => "Not now; `Retry-After` says when to come back",
        _ => "Refused",
    }
}

fn description() -> String {
    let mut text = String::from(
        "A reply is never lost: runs go on without the client, and every live connection resumes \
         from a cursor.\n\nTimes are RFC 3339 in UTC with milliseconds. Errors are \
         `application/problem+json` with a stable `code`:\n\n| code | meaning |\n|---|---|\n",
    );
    for (code, meaning) in CODES {
        text.push_str(&format!("| `{code}` | {meaning} |\n"));
    }
    text.push_str("\nFrames from clients:\n\n| type | data | what it does |\n|---|---|---|\n");
    for (kind, data, meaning) in ws::CLIENT_FRAMES {
        text.push_str(&format!("| `{kind}` | `{data}` | {meaning} |\n"));
    }
    text.push_str(
        "\nClose codes of the WebSocket:\n\n| code | meaning | may resume |\n|---|---|---|\n",
    );
    for (code, meaning, resume) in ws::close::CODES {
        text.push_str(&format!("| {code} | {meaning} | {resume} |\n"));
    }
    text
}

/// The same order whatever the features of the JSON library.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut pairs: Vec<_> = members.into_iter().collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(
                pairs
                    .into_iter()
                    .map(|(k, v)| (k, sorted(v)))
                    .collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::operations::OPERATIONS;

    fn documented() -> BTreeSet<(String, String)> {
        let api = openapi();
        let mut all = BTreeSet::new();
        for (path, item) in api["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                all.insert((method.to_uppercase(), path.clone()));
            }
        }
        all
    }

    #[test]
    fn every_route_is_in_the_list_of_operations_and_the_other_way_round() {
        let listed: BTreeSet<_> = OPERATIONS
            .iter()
            .filter(|op| op.method != "WS")
            .map(|op| (op.method.to_owned(), op.path.to_owned()))
            .collect();
        assert_eq!(documented(), listed);
    }

    #[test]
    fn every_frame_is_in_the_list_of_operations() {
        let frames: Vec<_> = ws::CLIENT_FRAMES.iter().map(|(kind, _, _)| *kind).collect();
        let listed: Vec<_> = OPERATIONS
            .iter()
            .filter(|op| op.method == "WS")
            .map(|op| op.path)
            .collect();
        assert_eq!(frames, listed);
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references(value: &Value, found: &mut BTreeSet<String>) {
            match value {
                Value::Object(members) => {
                    found.extend(
                        members
                            .get("$ref")
                            .and_then(Value::as_str)
                            .map(str::to_owned),
                    );
                    members
                        .values()
                        .for_each(|member| references(member, found));
                }
                Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                _ => {}
            }
        }
        let api = openapi();
        let mut found = BTreeSet::new();
        references(&api, &mut found);
        assert!(found.len() > 20);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(api.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let api = openapi();
        let mut ids = BTreeSet::new();
        for item in api["paths"].as_object().unwrap().values() {
            for operation in item.as_object().unwrap().values() {
                assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()));
                assert!(operation["summary"].is_string());
            }
        }
        assert_eq!(api["openapi"], "3.1.0");
    }
}
