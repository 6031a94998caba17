//! Ids in bodies and queries: as foreign as those in paths. The list is checked against the
//! document, so that a new one can't be forgotten.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use server::operations::{Operation, find};
use testkit::Client;

use super::actors;
use super::call::Caller;
use super::things::{self, CANARY, Thing};
use super::world::World;

/// Operation, place (`/` in the body, `?` in the query), kind.
const REFERENCES: &[(&str, &str, &str)] = &[
    ("send_message", "/conversation_id", "conversations"),
    ("send_message", "/parent_id", "messages"),
    ("list_messages", "?before", "messages"),
    ("list_messages", "?after", "messages"),
    ("list_messages", "?around", "messages"),
    ("sync", "?watch", "conversations"),
];

/// What looks like a reference to something owned and is none.
const NO_REFERENCES: &[(&str, &str, &str)] = &[
    (
        "send_message",
        "/client_message_id",
        "made by the client, per account",
    ),
    (
        "send_message",
        "/agent_id",
        "refused as long as there are no agents",
    ),
    (
        "open_socket",
        "?watch",
        "answered by a frame: see frames.rs",
    ),
    ("list_conversations", "?page", "a number of pages"),
    ("list_conversations", "?per_page", "a number of rows"),
    ("list_messages", "?limit", "a number of rows"),
];

/// Operation and place of everything in the document that may name something.
fn found() -> BTreeSet<(String, String)> {
    let document = server::openapi();
    let mut found = BTreeSet::new();
    let paths = document["paths"].as_object().unwrap();
    for operation in paths
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
    {
        let id = operation["operationId"].as_str().unwrap();
        let mut note = |place: String| found.insert((id.to_owned(), place));
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            let names = name == "watch" || is_id(name, &parameter["schema"]);
            if parameter["in"] == "query" && names {
                note(format!("?{name}"));
            }
        }
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        for (name, property) in properties(&document, schema) {
            if is_id(&name, &property) {
                note(format!("/{name}"));
            }
        }
    }
    found
}

fn is_id(name: &str, schema: &Value) -> bool {
    let integer = schema["type"] == "integer" || schema["type"] == json!(["integer", "null"]);
    name.ends_with("_id") || name.ends_with("_ids") || schema["format"] == "uuid" || integer
}

fn properties(document: &Value, schema: &Value) -> Vec<(String, Value)> {
    if let Some(reference) = schema["$ref"].as_str() {
        return properties(document, document.pointer(&reference[1..]).unwrap());
    }
    let nested = ["oneOf", "anyOf", "allOf"].into_iter();
    let nested = nested.flat_map(|word| schema[word].as_array().into_iter().flatten());
    let mut all: Vec<_> = nested.flat_map(|one| properties(document, one)).collect();
    let own = schema["properties"].as_object().into_iter().flatten();
    all.extend(own.map(|(name, property)| (name.clone(), property.clone())));
    all
}

#[test]
fn every_id_in_a_body_or_a_query_is_known_here() {
    let known: BTreeSet<_> = REFERENCES
        .iter()
        .chain(NO_REFERENCES)
        .map(|(operation, place, _)| ((*operation).to_owned(), (*place).to_owned()))
        .collect();
    assert_eq!(found(), known, "left: the document; right: the lists here");
}

fn operation(id: &str) -> &'static Operation {
    let document = server::openapi();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation["operationId"] == id {
                return find(method, path).unwrap();
            }
        }
    }
    panic!("no operation {id}")
}

/// The request by an account about its own things, with this id in this place.
fn request(op: &Operation, place: &str, own: &Thing, id: &str) -> (String, Value) {
    let mut path = things::fill(op.path, &own.ids);
    let mut body = json!({});
    if (op.resource, op.action) == ("message", "send") {
        body = json!({ "content": format!("{CANARY} [[script: tokens=1]]") });
        if own.ids.contains_key("messages") {
            body["conversation_id"] = json!(own.ids["conversations"]);
        }
    }
    match place.split_at(1) {
        ("/", name) => body[name] = id.parse::<i64>().map_or_else(|_| json!(id), |id| json!(id)),
        (_, name) => path.push_str(&format!("?{name}={id}")),
    }
    (path, body)
}

#[tokio::test]
async fn a_reference_to_somebody_elses_thing_leads_nowhere() {
    for world in World::all().await {
        let caller = Caller::new(&world.app.url);
        let (owner, _, _) = world.account().await;
        let strangers = actors::strangers(&world).await;
        for (id, place, kind) in REFERENCES {
            let op = operation(id);
            for (actor, stranger) in &strangers {
                let what = format!("{id} {place} by {}", actor.name);
                one(&world, &caller, op, (place, kind), &owner, stranger, &what).await;
            }
        }
    }
}

async fn one(
    world: &World,
    caller: &Caller,
    op: &Operation,
    (place, kind): (&str, &str),
    owner: &Client,
    stranger: &Client,
    what: &str,
) {
    let theirs = things::make(world, owner, kind).await;
    let own = things::make(world, stranger, kind).await;
    let gone = things::deleted(world, stranger, kind).await;
    let before = things::seen(owner, &theirs).await;
    let token = stranger.token();
    let ask = async |id: &str| {
        let (path, body) = request(op, place, &own, id);
        caller.call(op, &path, token.as_deref(), &body).await
    };
    let random = ask(&things::random(&own.ids[kind])).await;
    assert_eq!(random.status, 404, "{what}: {random:?}");
    assert_eq!(ask(&theirs.ids[kind]).await, random, "{what}");
    assert_eq!(ask(&gone.ids[kind]).await, random, "{what}, deleted");
    assert_eq!(
        before,
        things::seen(owner, &theirs).await,
        "{what} changed it"
    );
    let done = ask(&own.ids[kind]).await;
    assert!(done.succeeded(), "{what}, own: {done:?}");
}
