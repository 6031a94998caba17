//! Every route and socket frame answers a second user's id like a random one, and an anonymous
//! caller not at all. Walks the list of operations: a new one is in here by being in there.

use reqwest::Method;
use serde_json::{Value, json};
use server::operations::{Access, OPERATIONS, Operation};
use testkit::{Client, TestApp};

use crate::support::{answer, answered, begin, raw, uuid};

/// Ids of things of one user.
struct Things {
    conversation: String,
    message: i64,
    run: String,
    todo: i64,
    session: String,
    user: i64,
}

async fn things(client: &Client) -> Things {
    let (conversation, message) = answered(client).await;
    let (_, run) = begin(client, "Hold [[script: tokens=3 gate=held@1]]").await;
    let todo = client
        .post("/todos", json!({ "title": "mine" }))
        .await
        .expect(201);
    let sessions = client.get("/auth/sessions").await.expect(200);
    let me = client.get("/auth/me").await.expect(200);
    Things {
        conversation,
        message,
        run,
        todo: todo["id"].as_i64().unwrap(),
        session: sessions["sessions"][0]["session_id"]
            .as_str()
            .unwrap()
            .to_owned(),
        user: me["id"].as_i64().unwrap(),
    }
}

fn random() -> Things {
    Things {
        conversation: uuid().to_string(),
        message: 987_654_321,
        run: uuid().to_string(),
        todo: 987_654_321,
        session: uuid().to_string(),
        user: 987_654_321,
    }
}

fn malformed() -> Things {
    Things {
        conversation: "x".to_owned(),
        message: -1,
        run: "x".to_owned(),
        todo: -1,
        session: "x".to_owned(),
        user: -1,
    }
}

fn path(op: &Operation, things: &Things) -> String {
    let id = match op.resource {
        "session" => things.session.clone(),
        "user" => things.user.to_string(),
        "approval" => uuid().to_string(),
        _ => things.todo.to_string(),
    };
    op.path
        .replace("{conversation_id}", &things.conversation)
        .replace("{message_id}", &things.message.to_string())
        .replace("{run_id}", &things.run)
        .replace("{id}", &id)
}

/// A body that would be accepted for a thing of one's own.
fn body(op: &Operation) -> Value {
    match (op.resource, op.action) {
        ("approval", "decide") => json!({ "decision": "approve", "arguments_hash": "x" }),
        ("conversation", "change") => json!({ "title": "taken" }),
        ("todo", "change") => json!({ "done": true }),
        ("user", "change") => json!({ "disabled": true }),
        _ => json!({}),
    }
}

async fn call(client: &Client, op: &Operation, path: &str) -> (u16, Value) {
    let bearer = client.token().map(|token| format!("Bearer {token}"));
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    let method: Method = op.method.parse().unwrap();
    let text = if op.method == "GET" {
        String::new()
    } else {
        body(op).to_string()
    };
    let mut answer = answer(raw(client, method, path, &headers, text).await).await;
    if let Some(body) = answer.body.as_object_mut() {
        body.remove("request_id");
    }
    (answer.status.as_u16(), answer.body)
}

#[tokio::test]
async fn a_foreign_id_is_answered_like_a_random_one() {
    let app = TestApp::start().await;
    let owner = app.user().await;
    let stranger = app.user().await;
    let (theirs, own) = (things(&owner).await, things(&stranger).await);
    let mut tried = 0;
    for op in OPERATIONS.iter().filter(|op| op.path.contains('{')) {
        if op.access != Access::Account {
            continue;
        }
        let foreign = call(&stranger, op, &path(op, &theirs)).await;
        let unknown = call(&stranger, op, &path(op, &random())).await;
        let broken = call(&stranger, op, &path(op, &malformed())).await;
        assert_eq!(foreign.0, 404, "{} {}", op.method, op.path);
        assert_eq!(foreign, unknown, "{} {}", op.method, op.path);
        assert_eq!(foreign, broken, "{} {}", op.method, op.path);
        if op.path.contains("{message_id}") {
            let nested = Things {
                message: theirs.message,
                ..random()
            };
            let nested = Things {
                conversation: own.conversation.clone(),
                ..nested
            };
            assert_eq!(
                call(&stranger, op, &path(op, &nested)).await,
                unknown,
                "{}",
                op.path
            );
        }
        tried += 1;
    }
    assert!(tried >= 12, "{tried}");
    // Nothing of the owner's was touched.
    let run = owner
        .get(&format!("/chat/runs/{}", theirs.run))
        .await
        .expect(200);
    assert_eq!(run["cancel_requested"], false);
    let list = owner.get("/chat/conversations").await.expect(200);
    assert_eq!(list["total"], 2);
    let todos = owner.get("/todos").await.expect(200);
    assert_eq!(todos["todos"][0]["done"], false);
}

#[tokio::test]
async fn a_body_may_not_name_somebody_elses_things_either() {
    let app = TestApp::start().await;
    let owner = app.user().await;
    let stranger = app.user().await;
    let theirs = things(&owner).await;
    let (own, _) = answered(&stranger).await;
    for (conversation, parent) in [
        (json!(theirs.conversation), Value::Null),
        (json!(uuid().to_string()), Value::Null),
        (json!("x"), Value::Null),
        (json!(own), json!(theirs.message)),
        (json!(own), json!(987_654_321)),
    ] {
        let body = json!({ "content": "a", "conversation_id": conversation, "parent_id": parent });
        assert_eq!(
            stranger.send(body.clone()).await.expect(404)["code"],
            "not_found",
            "{body}"
        );
    }
    let sync = |watch: String| {
        let stranger = stranger.clone();
        async move { stranger.get(&format!("/chat/sync?watch={watch}")).await }
    };
    sync(theirs.conversation.clone()).await.expect(404);
    sync(uuid().to_string()).await.expect(404);
}

#[tokio::test]
async fn frames_ask_for_the_owner_as_well() {
    let app = TestApp::start().await;
    let owner = app.user().await;
    let stranger = app.user().await;
    let theirs = things(&owner).await;
    let mut socket = stranger.socket(None, &[&theirs.conversation]).await;
    let mut answers = Vec::new();
    for things in [&theirs, &random(), &malformed()] {
        let (conversation, run) = (things.conversation.as_str(), things.run.as_str());
        let id = uuid().to_string();
        let message = json!({ "content": "a", "client_message_id": id });
        let approval = json!({ "approval_id": run, "decision": "approve", "arguments_hash": "x" });
        let frames = [
            ("message", Some(conversation), message),
            ("watch", Some(conversation), json!({})),
            ("stop", None, json!({ "run_id": run })),
            ("approval", None, approval),
        ];
        let mut told = Vec::new();
        // The URL's own `watch` was refused first.
        if answers.is_empty() {
            assert_eq!(socket.frame("error").await["data"]["code"], "not_found");
        }
        for (kind, conversation, data) in frames {
            socket.send(kind, conversation, data).await;
            let mut error = socket.frame("error").await;
            let data = error["data"].as_object_mut().unwrap();
            data.remove("request_id");
            data.remove("client_message_id");
            assert_eq!(data["status"], 404, "{kind}");
            told.push(error);
        }
        answers.push(told);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
    app.model.gate("held").open();
    crate::support::finished(&owner, &theirs.run).await;
    socket.send("ping", None, json!({})).await;
    let next = socket.until(|frame| frame["type"] != "error").await;
    assert_eq!(next["type"], "pong", "nothing of somebody else's comes by");
}

#[tokio::test]
async fn nobody_gets_in_without_a_login() {
    let app = TestApp::start().await;
    let owner = app.user().await;
    let theirs = things(&owner).await;
    let anonymous = owner.anonymous();
    let wrong = app.client();
    wrong.set_token(Some("rj1.a.1.b".to_owned()));
    for op in OPERATIONS.iter().filter(|op| op.method != "WS") {
        if !matches!(op.access, Access::Account | Access::Admin) {
            continue;
        }
        for client in [&anonymous, &wrong] {
            let (status, body) = call(client, op, &path(op, &theirs)).await;
            assert_eq!(
                (status, &body["code"]),
                (401, &json!("unauthenticated")),
                "{}",
                op.path
            );
        }
    }
}

#[tokio::test]
async fn users_are_no_admins_and_demoted_admins_neither() {
    let app = TestApp::start().await;
    let admin = app.user().await;
    let user = app.user().await;
    let id = user.get("/auth/me").await.expect(200)["id"]
        .as_i64()
        .unwrap();
    let mine = things(&user).await;
    for op in OPERATIONS.iter().filter(|op| op.access == Access::Admin) {
        let (status, body) = call(&user, op, &path(op, &mine)).await;
        assert_eq!(
            (status, &body["code"]),
            (403, &json!("forbidden")),
            "{}",
            op.path
        );
    }
    let user_path = format!("/admin/users/{id}");
    admin
        .patch(&user_path, json!({ "role": "admin" }))
        .await
        .expect(200);
    user.get("/admin/users").await.expect(200);
    admin
        .patch(&user_path, json!({ "role": "user" }))
        .await
        .expect(200);
    user.get("/admin/users").await.expect(403);
}
