//! What the paths name: how a thing of each kind is made, and how it goes away. The kind of a
//! parameter is the segment before it: `/todos/{id}` names one of `todos`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::Client;
use tokio::time::{sleep, timeout};

use super::world::{ORDERS, World};
use crate::support::{answered, begin, finished, uuid};

/// The kinds of a pattern's parameters, outermost first.
pub(super) fn kinds(pattern: &str) -> Vec<&str> {
    let segments: Vec<_> = pattern.split('/').collect();
    segments
        .windows(2)
        .filter(|pair| pair[1].starts_with('{'))
        .map(|pair| pair[0])
        .collect()
}

/// A path of the pattern with this id for each kind.
pub(super) fn fill(pattern: &str, ids: &Ids) -> String {
    let mut before = "";
    let filled: Vec<&str> = pattern
        .split('/')
        .map(|segment| {
            let kind = std::mem::replace(&mut before, segment);
            if segment.starts_with('{') {
                ids[kind].as_str()
            } else {
                segment
            }
        })
        .collect();
    filled.join("/")
}

pub(super) type Ids = BTreeMap<&'static str, String>;

/// A thing of somebody's with all that it hangs on.
pub(super) struct Thing {
    pub(super) ids: Ids,
    /// Of an approval: what a decision has to name.
    pub(super) arguments_hash: String,
    /// Of an account: itself.
    login: Option<Client>,
}

impl Thing {
    /// For what names nothing.
    pub(super) fn none() -> Self {
        Self {
            ids: Ids::new(),
            arguments_hash: "0".repeat(64),
            login: None,
        }
    }
}

/// Appears in everything that a thing's owner writes, and in nobody else's answers.
pub(super) const CANARY: &str = "canary-4f1d";

/// Makes a thing of the kind for an account. New kinds of ids are taught here.
pub(super) async fn make(world: &World, owner: &Client, kind: &str) -> Thing {
    let mut thing = Thing::none();
    let ids = &mut thing.ids;
    match kind {
        "conversations" => {
            let body = json!({ "title": CANARY });
            let made = owner.post("/chat/conversations", body).await.expect(201);
            ids.insert("conversations", text(&made, "conversation_id"));
        }
        "messages" => {
            let (conversation, message) = answered(owner).await;
            ids.insert("conversations", conversation);
            ids.insert("messages", message.to_string());
        }
        // A message that waits behind a run.
        "queued" => {
            let run = Box::pin(make(world, owner, "runs")).await;
            let conversation = run.ids["conversations"].clone();
            let body = json!({
                "content": CANARY, "conversation_id": conversation, "on_busy": "enqueue",
            });
            let sent = owner.try_send_async(&body).await.unwrap().expect(202);
            ids.insert("conversations", conversation);
            ids.insert("messages", sent["user_message"]["id"].to_string());
        }
        "runs" => {
            // Held, so that stopping it would show.
            let gate = format!("held{}", world.next());
            let content = format!("{CANARY} [[script: tokens=3 gate={gate}@1]]");
            let (conversation, run) = begin(owner, &content).await;
            world.app.model.gate(&gate).reached(1).await;
            settled(owner, &conversation).await;
            ids.insert("conversations", conversation);
            ids.insert("runs", run);
        }
        "approvals" => {
            let content = format!("{CANARY} [[script: tool=order tokens=2]]");
            let sent = owner.send(json!({ "content": content })).await.expect(200);
            let listed = owner.get("/chat/approvals").await.expect(200);
            let all = listed["approvals"].as_array().unwrap();
            let mine = all.iter().find(|one| one["run_id"] == sent["run_id"]);
            let mine = mine.unwrap_or_else(|| panic!("no approval waits: {listed:#}"));
            ids.insert("conversations", text(&sent, "conversation_id"));
            ids.insert("runs", text(&sent, "run_id"));
            ids.insert("approvals", text(mine, "approval_id"));
            thing.arguments_hash = text(mine, "arguments_hash");
        }
        "calls" => {
            let content = format!("{CANARY} [[script: tool=doubt tokens=2]]");
            let sent = owner.send(json!({ "content": content })).await.expect(200);
            let listed = owner.get("/chat/calls").await.expect(200);
            let all = listed["calls"].as_array().unwrap();
            let mine = all.iter().find(|one| one["run_id"] == sent["run_id"]);
            let mine = mine.unwrap_or_else(|| panic!("no call is in doubt: {listed:#}"));
            ids.insert("conversations", text(&sent, "conversation_id"));
            ids.insert("calls", text(mine, "call_id"));
        }
        "permissions" => {
            let tool = format!("order{}", world.next() % ORDERS);
            let content = format!("{CANARY} [[script: tool={tool} tokens=2]]");
            let sent = owner.send(json!({ "content": content })).await.expect(200);
            let listed = owner.get("/chat/approvals").await.expect(200);
            let all = listed["approvals"].as_array().unwrap();
            let mine = all.iter().find(|one| one["run_id"] == sent["run_id"]);
            let hash = &mine.unwrap()["arguments_hash"];
            let body =
                json!({ "decision": "approve", "arguments_hash": hash, "scope": "conversation" });
            let path = format!("/chat/approvals/{}", text(mine.unwrap(), "approval_id"));
            owner.post(&path, body).await.expect(200);
            finished(owner, &text(&sent, "run_id")).await;
            ids.insert("conversations", text(&sent, "conversation_id"));
            ids.insert("permissions", tool);
        }
        "todos" => {
            let made = owner.post("/todos", json!({ "title": CANARY })).await;
            ids.insert("todos", made.expect(201)["id"].to_string());
        }
        "sessions" => {
            let email = text(&owner.get("/auth/me").await.expect(200), "email");
            let login = world.app.client().login(&email).await;
            // `rj1.<session>.<n>.<mac>`
            let session = text(&login, "refresh_token")
                .split('.')
                .nth(1)
                .unwrap()
                .to_owned();
            ids.insert("sessions", session);
        }
        "users" => {
            let (login, id, _) = world.account().await;
            ids.insert("users", id.to_string());
            thing.login = Some(login);
        }
        other => panic!("the matrix can't make one of `{other}`: teach things::make"),
    }
    thing
}

/// Until the run's first token is stored: nothing more happens to it by itself.
async fn settled(owner: &Client, conversation: &str) {
    let path = format!("/chat/conversations/{conversation}/messages");
    let begun = async {
        loop {
            let messages = owner.get(&path).await.expect(200);
            let last = messages.as_array().unwrap().last().unwrap().clone();
            if last["content"].as_str().unwrap().starts_with("tok0") {
                break;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), begun).await.unwrap();
}

/// Until every conversation whose answer is there has its title too: it comes after the answer.
async fn titled(owner: &Client) {
    let waits = |one: &Value| {
        let title = one["title"].as_str().unwrap_or_default();
        one["active_run"].is_null() && title.starts_with(CANARY) && title != CANARY
    };
    let titles = async {
        loop {
            let listed = owner.get("/chat/conversations?per_page=100").await;
            let listed = listed.expect(200);
            if !listed["conversations"]
                .as_array()
                .unwrap()
                .iter()
                .any(waits)
            {
                break;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), titles).await.unwrap();
}

/// Makes a thing and deletes it, as its owner does.
pub(super) async fn deleted(world: &World, owner: &Client, kind: &str) -> Thing {
    let thing = make(world, owner, kind).await;
    let ids = &thing.ids;
    match (kind, ids.get("conversations")) {
        (_, Some(conversation)) => {
            let path = format!("/chat/conversations/{conversation}");
            owner.delete(&path).await.expect(200);
        }
        ("todos", _) => {
            owner
                .delete(&format!("/todos/{}", ids["todos"]))
                .await
                .expect(204);
        }
        ("sessions", _) => {
            let path = format!("/auth/sessions/{}", ids["sessions"]);
            owner.delete(&path).await.expect(204);
        }
        ("users", _) => world.delete(thing.login.as_ref().unwrap()).await,
        (other, _) => panic!("the matrix can't delete one of `{other}`: teach things::deleted"),
    }
    thing
}

/// An id of the same form that nobody ever had.
pub(super) fn random(id: &str) -> String {
    if id.parse::<i64>().is_ok() {
        "987654321".to_owned()
    } else {
        uuid().to_string()
    }
}

/// What no id looks like.
pub(super) const MALFORMED: &[&str] = &[
    "x",
    "-1",
    "0",
    "01",
    "+1",
    "1e3",
    "9223372036854775808",
    "00000000000000000000000000000000",
    "018f0000-0000-7000-8000-00000000000g",
    "%00",
    "%ff",
    "1%2f..",
    "'%20OR%201=1--",
    "%E2%80%AE1",
];

/// What can be seen of an owner's things: unchanged after everything that a stranger tried.
pub(super) async fn seen(owner: &Client, thing: &Thing) -> Value {
    titled(owner).await;
    let mut seen = Vec::new();
    for path in [
        "/chat/conversations?per_page=100",
        "/todos",
        "/chat/approvals",
        "/chat/calls",
        "/auth/me",
    ] {
        seen.push(owner.get(path).await.expect(200));
    }
    let sessions = owner.get("/auth/sessions").await.expect(200);
    let ids = sessions["sessions"].as_array().unwrap().iter();
    let mut ids: Vec<_> = ids.map(|session| session["session_id"].clone()).collect();
    ids.sort_by_key(Value::to_string);
    seen.push(json!(ids));
    for (kind, path) in [
        ("runs", "/chat/runs"),
        ("conversations", "/chat/conversations"),
    ] {
        if let Some(id) = thing.ids.get(kind) {
            seen.push(owner.get(&format!("{path}/{id}")).await.expect(200));
        }
    }
    if let Some(id) = thing.ids.get("conversations") {
        for what in ["messages", "permissions"] {
            let path = format!("/chat/conversations/{id}/{what}");
            seen.push(owner.get(&path).await.expect(200));
        }
    }
    json!(seen)
}

fn text(value: &Value, key: &str) -> String {
    let text = value[key].as_str();
    text.unwrap_or_else(|| panic!("no {key}: {value:#}"))
        .to_owned()
}

#[test]
fn a_parameter_is_of_the_kind_before_it() {
    let pattern = "/api/v1/chat/conversations/{conversation_id}/messages/{message_id}/revisions";
    assert_eq!(kinds(pattern), ["conversations", "messages"]);
    let ids = Ids::from([
        ("conversations", "a".to_owned()),
        ("messages", "1".to_owned()),
    ]);
    assert_eq!(
        fill(pattern, &ids),
        "/api/v1/chat/conversations/a/messages/1/revisions"
    );
}
