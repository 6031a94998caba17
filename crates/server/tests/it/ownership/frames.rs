//! The matrix over the socket.

use reqwest::Method;
use serde_json::{Value, json};
use server::operations::{OPERATIONS, Operation};
use testkit::{Client, Socket};

use super::actors;
use super::things::{self, CANARY, MALFORMED, Thing};
use super::world::World;
use crate::support::{raw, uuid};

/// What kind of thing a frame names; `None`: nothing that has an owner.
fn kind(op: &Operation) -> Option<&'static str> {
    match op.path {
        "message" | "watch" | "unwatch" | "typing" => Some("conversations"),
        "stop" => Some("runs"),
        "approval" => Some("approvals"),
        "call" => Some("calls"),
        // A token names a login; see below.
        "auth" | "ping" => None,
        other => panic!("the matrix does not know the frame `{other}`: teach frames::kind"),
    }
}

/// The frame about the thing with this id: `conversation_id` and `data`.
fn frame(op: &Operation, id: &str, thing: &Thing) -> (Option<String>, Value) {
    let about = Some(id.to_owned());
    let hash = &thing.arguments_hash;
    match op.path {
        "message" => {
            let content = format!("{CANARY} [[script: tokens=1]]");
            let data = json!({ "content": content, "client_message_id": uuid().to_string() });
            (about, data)
        }
        "watch" | "unwatch" => (about, json!({})),
        "typing" => (about, json!({ "state": "writing" })),
        "stop" => (None, json!({ "run_id": id })),
        "approval" => {
            let data = json!({ "approval_id": id, "decision": "deny", "arguments_hash": hash });
            (None, data)
        }
        "call" => (None, json!({ "call_id": id, "decision": "did_not_happen" })),
        other => panic!("the matrix does not know the frame `{other}`: teach frames::frame"),
    }
}

/// The refusals that a frame is answered with, without what differs between any two of them.
async fn refusals(socket: &mut Socket, op: &Operation, frame: (Option<String>, Value)) -> Value {
    let (conversation, data) = frame;
    socket.send(op.path, conversation.as_deref(), data).await;
    socket.send("ping", None, json!({})).await;
    let mut refusals = Vec::new();
    loop {
        let mut frame = socket.until(|_| true).await;
        match frame["type"].as_str().unwrap() {
            "pong" => return Value::Array(refusals),
            "error" => {
                let data = frame["data"].as_object_mut().unwrap();
                data.remove("request_id");
                data.remove("client_message_id");
                refusals.push(frame);
            }
            _ => {}
        }
    }
}

fn frames() -> impl Iterator<Item = &'static Operation> {
    OPERATIONS.iter().filter(|op| op.method == "WS")
}

#[tokio::test]
async fn a_foreign_id_in_a_frame_is_answered_like_a_random_one() {
    for world in World::all().await {
        let strangers = actors::strangers(&world).await;
        for op in frames() {
            let Some(kind) = kind(op) else { continue };
            for (actor, stranger) in &strangers {
                foreign_is_random(&world, op, kind, (actor.name, stranger)).await;
            }
        }
    }
}

async fn foreign_is_random(
    world: &World,
    op: &Operation,
    kind: &str,
    (name, stranger): (&str, &Client),
) {
    let (owner, _, _) = &world.account().await;
    let theirs = things::make(world, owner, kind).await;
    let gone = things::deleted(world, owner, kind).await;
    let gone_own = things::deleted(world, stranger, kind).await;
    let before = things::seen(owner, &theirs).await;

    let mut socket = stranger.socket(None, &[]).await;
    let id = &theirs.ids[kind];
    let random = refusals(&mut socket, op, frame(op, &things::random(id), &theirs)).await;
    if op.errors.contains(&404) {
        assert_eq!(
            random[0]["data"]["code"], "not_found",
            "{} by {name}",
            op.path
        );
    } else {
        assert_eq!(random, json!([]), "{} by {name}", op.path);
    }
    for id in [id, &gone.ids[kind], &gone_own.ids[kind]] {
        let answer = refusals(&mut socket, op, frame(op, id, &theirs)).await;
        assert_eq!(answer, random, "{} {id} by {name}", op.path);
    }
    for id in MALFORMED {
        let answer = refusals(&mut socket, op, frame(op, id, &theirs)).await;
        assert_eq!(answer[0]["data"]["code"], "not_found", "{} {id}", op.path);
    }
    let after = things::seen(owner, &theirs).await;
    assert_eq!(before, after, "{} by {name} changed it", op.path);

    let mut socket = owner.socket(None, &[]).await;
    let own = refusals(&mut socket, op, frame(op, id, &theirs)).await;
    assert_eq!(own, json!([]), "{} by its owner", op.path);
}

#[tokio::test]
async fn a_message_goes_under_no_message_of_somebody_else() {
    for world in World::all().await {
        let (owner, _, _) = world.account().await;
        let (stranger, _, _) = world.account().await;
        let theirs = things::make(&world, &owner, "messages").await;
        let gone = things::deleted(&world, &stranger, "messages").await;
        let own = things::make(&world, &stranger, "messages").await;
        let op = frames().find(|op| op.path == "message").unwrap();
        let mut socket = stranger.socket(None, &[]).await;
        let mut under = async |parent: &str| {
            let (about, mut data) = frame(op, &own.ids["conversations"], &own);
            data["parent_id"] = json!(parent.parse::<i64>().unwrap());
            refusals(&mut socket, op, (about, data)).await
        };
        let random = under("987654321").await;
        assert_eq!(random[0]["data"]["code"], "not_found");
        assert_eq!(under(&theirs.ids["messages"]).await, random);
        assert_eq!(under(&gone.ids["messages"]).await, random);
        assert_eq!(under(&own.ids["messages"]).await, json!([]));
    }
}

#[tokio::test]
async fn a_socket_watches_what_its_account_owns() {
    for world in World::all().await {
        let (owner, _, _) = world.account().await;
        let (stranger, _, _) = world.account().await;
        let theirs = things::make(&world, &owner, "runs").await;
        let mut answers = Vec::new();
        for id in [
            theirs.ids["conversations"].clone(),
            uuid().to_string(),
            "x".to_owned(),
        ] {
            for since in [None, Some("1-0")] {
                let mut socket = stranger.socket(since, &[&id]).await;
                let mut error = socket.frame("error").await;
                error["data"].as_object_mut().unwrap().remove("request_id");
                answers.push(error);
            }
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{answers:#?}");
        assert_eq!(answers[0]["data"]["code"], "not_found");
    }
}

/// The token of an `auth` frame must be a living one of the same login.
#[tokio::test]
async fn a_socket_is_renewed_by_its_own_login_only() {
    for world in World::all().await {
        let (owner, _, login) = world.account().await;
        let (other, _, _) = world.account().await;
        let own = owner.token().unwrap();
        // Another login of the same account.
        let email = login["user"]["email"].as_str().unwrap();
        let second = world.app.client().login(email).await;
        let op = frames().find(|op| op.path == "auth").unwrap();
        let mut socket = owner.socket(None, &[]).await;
        let mut renew =
            async |token: &str| refusals(&mut socket, op, (None, json!({ "token": token }))).await;
        let random = renew("x.y.z").await;
        assert_eq!(random[0]["data"]["code"], "unauthenticated");
        for token in [
            other.token().unwrap(),
            second["access_token"].as_str().unwrap().to_owned(),
            login["refresh_token"].as_str().unwrap().to_owned(),
            actors::expired(&own),
            String::new(),
        ] {
            assert_eq!(renew(&token).await, random, "{token}");
        }
        assert_eq!(renew(&own).await, json!([]));
    }
}

/// However the token is handed over.
#[tokio::test]
async fn no_socket_opens_without_a_valid_login() {
    for world in World::all().await {
        let (owner, _, _) = world.account().await;
        for actor in actors::refused(&world, &owner).await {
            let token = actor.token.unwrap_or_default();
            let query = format!("/api/v1/chat/ws?token={token}");
            let protocols = format!("rejoinder, {token}");
            for (path, header) in [
                (&*query, None),
                (
                    "/api/v1/chat/ws",
                    Some(("sec-websocket-protocol", &*protocols)),
                ),
            ] {
                let mut headers = vec![
                    ("connection", "upgrade"),
                    ("upgrade", "websocket"),
                    ("sec-websocket-version", "13"),
                    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
                ];
                headers.extend(header);
                let answer = raw(&owner, Method::GET, path, &headers, "").await;
                assert_eq!(answer.status(), 401, "{} by {path}", actor.name);
            }
        }
    }
}
