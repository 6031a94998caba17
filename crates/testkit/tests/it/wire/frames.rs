//! `docs/wire/frames.md`: every frame of the socket, both ways.

use std::sync::Arc;
use std::time::Duration;

use domain::{ToolClass, ToolPolicy};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::app::Options;
use testkit::golden::Page;
use testkit::{Behaviour, Client, FakeClock, Incoming, Socket, TestApp, Witness};
use tools::{HttpMethod, HttpToolConfig};

use super::scenes::Scene;
use super::still;

fn order(witness: &Witness) -> HttpToolConfig {
    HttpToolConfig {
        name: "order".to_owned(),
        description: "Orders goods.".to_owned(),
        schema: json!({
            "type": "object",
            "properties": { "sku": { "type": "string" } },
            "required": ["sku"],
            "additionalProperties": false
        }),
        method: HttpMethod::Post,
        url: format!("{}/orders/{{sku}}", witness.url()),
        headers: Vec::new(),
        class: ToolClass::Effectful,
        policy: ToolPolicy::Ask,
        timeout: HttpToolConfig::DEFAULT_TIMEOUT,
        idempotency_header: None,
    }
}

const ORDER: &str = r#"Order [[script: tool=order args={"sku":"A-1"} tokens=2]]"#;

/// A frame of the client, sent and written down.
async fn send(page: &mut Page, socket: &mut Socket, kind: &str, at: Option<&str>, data: Value) {
    page.say("Client:");
    page.json(&json!({ "type": kind, "data": data, "conversation_id": at }));
    socket.send(kind, at, data).await;
}

/// The next frame of a kind, written down.
async fn show(page: &mut Page, socket: &mut Socket, kind: &str) -> Value {
    let frame = socket.frame(kind).await;
    page.say("Server:");
    page.json(&frame);
    frame
}

async fn news(page: &mut Page, scene: &mut Scene) {
    page.say("Server, in order:");
    for frame in scene.news().await {
        page.json(&frame);
    }
}

/// Until the answer has its first token.
async fn written(user: &Client, conversation: &str) {
    let wait = async {
        loop {
            let messages = user.messages(conversation).await;
            let last = messages.last().and_then(|last| last["content"].as_str());
            if last.is_some_and(|content| content.trim() == "tok0") {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_frames_are_what_they_were() {
    let mut page = Page::new("frames.md", "Frames of the socket");
    page.say(
        "What the frames mean is in [protocol.md](../protocol.md). Deltas of one text are put \
         together here.",
    );
    let witness = Witness::start().await;
    page.show_as(witness.url(), "https://shop.example");
    let clock = FakeClock::default();
    let options = Options {
        clock: Arc::new(clock.clone()),
        tools: tools::toolbox(&[order(&witness)]).unwrap(),
        ..Options::default()
    };
    let app = TestApp::start_with(options).await;
    let user = app.user().await;
    let login = user.login("user0@example.org").await;
    let mut scene = Scene::begin(user.clone()).await;

    turns(&mut page, &app, &mut scene).await;
    tool_calls(&mut page, &witness, &mut scene).await;
    things(&mut page, &mut scene).await;
    live(&mut page, &app, &user).await;
    waiting(&mut page).await;
    refusals(&mut page, &user).await;
    the_end(&mut page, &clock, &user, &login).await;
    stopping(&mut page).await;
    page.check();
}

async fn turns(page: &mut Page, app: &TestApp, scene: &mut Scene) {
    page.section("A turn with reasoning and a tool call");
    page.say("As a socket reads it that comes back with `since` and watches the conversation.");
    let script = r#"reasoning=1 before=1 tool=calculator args={"expression":"6*7"} tokens=2"#;
    scene
        .send(&format!("What is 6 × 7? [[script: {script}]]"))
        .await;
    news(page, scene).await;

    page.section("A model that breaks");
    scene.send("Break [[script: tokens=3 fault=reset@1]]").await;
    news(page, scene).await;

    page.section("A run that is stopped");
    let run = scene
        .begin_run("Hold [[script: tokens=2 gate=stopped@1]]")
        .await;
    written(&scene.user, &scene.conversation).await;
    let mut socket = scene.user.socket(None, &[]).await;
    socket.frame("connection").await;
    let stop = json!({ "run_id": run["run_id"] });
    send(page, &mut socket, "stop", None, stop).await;
    socket
        .until(|frame| frame["type"] == "run" && frame["data"]["state"] == "cancelled")
        .await;
    news(page, scene).await;

    page.section("A message that interrupts");
    scene
        .begin_run("Hold [[script: tokens=2 gate=interrupted@1]]")
        .await;
    written(&scene.user, &scene.conversation).await;
    let mut body = scene.body("Never mind [[script: tokens=1]]");
    body["on_busy"] = json!("interrupt");
    scene.user.send(body).await.expect(200);
    news(page, scene).await;

    page.section("A message that waits, and is removed");
    scene
        .begin_run("Hold [[script: tokens=2 gate=held@1]]")
        .await;
    written(&scene.user, &scene.conversation).await;
    let mut body = scene.body("Later [[script: tokens=1]]");
    body["on_busy"] = json!("enqueue");
    let queued = scene.user.try_send_async(&body).await.unwrap().expect(202);
    page.say("The 202 of the message that waits:");
    page.json(&queued);
    let path = format!(
        "/chat/conversations/{}/messages/{}",
        scene.conversation, queued["user_message"]["id"]
    );
    scene.user.delete(&path).await.expect(204);
    app.model.gate("held").open();
    idle(scene).await;
    news(page, scene).await;
}

/// Until no run of the conversation is active.
async fn idle(scene: &Scene) {
    let path = format!("/chat/conversations/{}", scene.conversation);
    let wait = async {
        while !scene.user.get(&path).await.expect(200)["active_run"].is_null() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait)
        .await
        .unwrap();
}

async fn tool_calls(page: &mut Page, witness: &Witness, scene: &mut Scene) {
    page.section("A call that waits for a word");
    scene.send(ORDER).await;
    news(page, scene).await;

    page.section("A call that is denied");
    let listed = scene.user.get("/chat/approvals").await.expect(200);
    let approval = &listed["approvals"][0];
    let mut socket = scene.user.socket(None, &[]).await;
    socket.frame("connection").await;
    let data = json!({
        "approval_id": approval["approval_id"],
        "decision": "deny",
        "arguments_hash": approval["arguments_hash"],
    });
    send(page, &mut socket, "approval", None, data).await;
    socket
        .until(|frame| frame["type"] == "run" && frame["data"]["state"] == "completed")
        .await;
    news(page, scene).await;

    page.section("A call that fails");
    let bad = r#"Bad [[script: tool=calculator args={"expression":"6*"} tokens=1]]"#;
    scene.send(bad).await;
    news(page, scene).await;

    page.section("A call of which nobody knows whether it happened");
    witness.behave(Behaviour::Die);
    scene.send(ORDER).await;
    let listed = scene.user.get("/chat/approvals").await.expect(200);
    let approval = &listed["approvals"][0];
    let path = format!(
        "/chat/approvals/{}",
        approval["approval_id"].as_str().unwrap()
    );
    let body = json!({ "decision": "approve", "arguments_hash": approval["arguments_hash"] });
    scene.user.post(&path, body).await.expect(200);
    idle(scene).await;
    let calls = scene.user.get("/chat/calls").await.expect(200);
    let data = json!({ "call_id": calls["calls"][0]["call_id"], "decision": "did_not_happen" });
    news(page, scene).await;
    // Another one, which has not seen the calls before.
    let mut socket = scene.user.socket(None, &[]).await;
    socket.frame("connection").await;
    send(page, &mut socket, "call", None, data).await;
    let settled = |frame: &Value| frame["type"] == "tool" && frame["data"]["state"] == "failed";
    socket.until(settled).await;
    news(page, scene).await;
}

async fn things(page: &mut Page, scene: &mut Scene) {
    page.section("Things that change and go");
    let made = scene
        .user
        .post("/todos", json!({ "title": "Milk" }))
        .await
        .expect(201);
    let todo = format!("/todos/{}", made["id"]);
    scene.user.delete(&todo).await.expect(204);
    let path = format!("/chat/conversations/{}", scene.conversation);
    scene
        .user
        .patch(&path, json!({ "pinned": true }))
        .await
        .expect(200);
    news(page, scene).await;
    scene.user.delete(&path).await.expect(200);
    news(page, scene).await;
}

async fn live(page: &mut Page, app: &TestApp, user: &Client) {
    page.section("Connecting, watching, pinging");
    let scene = Scene::begin(user.clone()).await;
    let id = scene.conversation.as_str();
    let mut socket = user.socket(None, &[]).await;
    show(page, &mut socket, "connection").await;
    let data = json!({
        "content": "Hold [[script: tokens=2 gate=watched@1]]",
        "client_message_id": "018f0000-0000-7000-8000-000000000001",
        "parent_id": null, "model": "openai/scripted", "agent_id": null, "on_busy": "reject",
        "time_zone": "Europe/Vienna",
    });
    send(page, &mut socket, "message", Some(id), data).await;
    show(page, &mut socket, "ack").await;
    written(user, id).await;

    page.say("Another device, which comes while the answer is being written:");
    let device = app.client();
    device.login("user0@example.org").await;
    let mut other = device.socket(None, &[]).await;
    other.frame("connection").await;
    send(page, &mut other, "watch", Some(id), json!({})).await;
    show(page, &mut other, "message").await;
    send(page, &mut other, "unwatch", Some(id), json!({})).await;
    send(
        page,
        &mut other,
        "typing",
        Some(id),
        json!({ "state": "writing" }),
    )
    .await;
    let typing = socket
        .until(|frame| frame["type"] == "typing" && frame["data"]["role"] == "user")
        .await;
    page.say("The first device:");
    page.json(&typing);
    app.model.gate("watched").open();
    idle(&scene).await;
    let mut quiet = user.socket(None, &[]).await;
    quiet.frame("connection").await;
    send(page, &mut quiet, "ping", None, json!({})).await;
    show(page, &mut quiet, "pong").await;
}

async fn waiting(page: &mut Page) {
    page.section("Before the answer begins");
    let options = Options {
        answers: false,
        ..still()
    };
    let app = TestApp::start_with(options).await;
    let mut scene = Scene::begin(app.user().await).await;
    scene.begin_run("Anybody there?").await;
    news(page, &mut scene).await;
}

async fn refusals(page: &mut Page, user: &Client) {
    page.section("What is refused");
    let mut socket = user.socket(None, &[]).await;
    socket.frame("connection").await;
    page.say("Client:");
    page.json(&json!({ "type": "shout", "data": {} }));
    socket.send_text(r#"{"type":"shout","data":{}}"#).await;
    show(page, &mut socket, "error").await;
    let data = json!({
        "content": " ", "client_message_id": "018f0000-0000-7000-8000-000000000002",
    });
    send(page, &mut socket, "message", None, data).await;
    show(page, &mut socket, "error").await;

    page.say("A cursor of another epoch:");
    let mut lost = user.socket(Some("7-1"), &[]).await;
    show(page, &mut lost, "reset").await;
}

async fn the_end(page: &mut Page, clock: &FakeClock, user: &Client, login: &Value) {
    page.section("A login that expires");
    let mut socket = user.socket(None, &[]).await;
    socket.frame("connection").await;
    clock.advance_millis(545_000);
    socket.send("ping", None, json!({})).await;
    show(page, &mut socket, "connection").await;
    let refresh = json!({ "refresh_token": login["refresh_token"] });
    let renewed = user
        .anonymous()
        .post("/auth/refresh", refresh)
        .await
        .expect(200);
    let token = json!({ "token": renewed["access_token"] });
    send(page, &mut socket, "auth", None, token).await;
    show(page, &mut socket, "connection").await;
    user.set_token(renewed["access_token"].as_str().map(str::to_owned));
    let logout = user.request(Method::POST, "/auth/logout-all");
    assert!(logout.send().await.unwrap().status().is_success());
    closed(page, &mut socket).await;
}

async fn closed(page: &mut Page, socket: &mut Socket) {
    match socket.next().await {
        Incoming::Closed(Some((code, reason))) => {
            page.say(&format!("Closed: {code} `{reason}`"));
        }
        other => panic!("{other:?}"),
    }
}

async fn stopping(page: &mut Page) {
    page.section("A server that stops");
    let app = super::app().await;
    let mut socket = app.user().await.socket(None, &[]).await;
    socket.frame("connection").await;
    let reader = async {
        show(page, &mut socket, "connection").await;
        closed(page, &mut socket).await;
    };
    tokio::join!(app.stop(), reader);
}
