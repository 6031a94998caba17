//! P9, what a server does while it drains, as docs/operating.md says it: it can still be reached, what
//! is there can be read and changed, a running answer can be stopped; no answer is begun, whoever waits
//! for one gets what there is, live connections are told to come back, and with the last answer it is
//! gone.

use std::time::Duration;

use chaos::database::Kind;
use chaos::rig::{self, Rig, poll};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::process::Server;
use testkit::socket::Incoming;
use testkit::{Client, Socket, scripted_text};
use tokio::task::JoinSet;

const PATIENCE: Duration = Duration::from_secs(30);

async fn drains(server: &Server) {
    poll("it drains", PATIENCE, async || {
        let ready = reqwest::get(format!("{}/ready", server.url)).await.ok()?;
        (ready.status() == 503).then_some(())
    })
    .await;
}

async fn stored(client: &Client, conversation: &str, text: &str) {
    poll("words of an answer", PATIENCE, async || {
        let newest = rig::newest(client, conversation).await;
        (newest["content"].as_str().unwrap().trim_end() == text).then_some(())
    })
    .await;
}

/// 503 `draining`, and when to come back.
async fn refused(client: &Client, method: Method, path: &str, body: Value) {
    let response = client
        .request(method, path)
        .json(&body)
        .send()
        .await
        .unwrap();
    let later = response.headers().contains_key("retry-after");
    let (status, said) = (response.status(), response.text().await.unwrap());
    let said: Value = serde_json::from_str(&said).unwrap_or(Value::Null);
    let seen = (status.as_u16(), said["code"].as_str(), later);
    assert_eq!(seen, (503, Some("draining"), true), "{path}");
}

async fn told(mut socket: Socket) {
    let last = socket
        .until(|frame| frame["data"]["status"] == "draining")
        .await;
    assert_eq!(last["type"], "connection");
    assert!(last["data"]["retry_after_ms"].is_number(), "{last}");
    let closed = Incoming::Closed(Some((1001, "draining".to_owned())));
    assert_eq!(socket.next().await, closed);
}

async fn while_it_drains(kind: Kind) {
    let mut rig = Rig::new(kind, "drain_seconds = 60\n").await;
    let mut server = rig.start().await;
    let client = rig::user(&server, "drain").await;
    let old = client
        .send(json!({"content": "[[script: tokens=2]]"}))
        .await
        .expect(200);
    let old_id = old["conversation_id"].as_str().unwrap();

    let conversation = rig::conversation(&client).await;
    let body = json!({
        "content": "[[script: tokens=6 gate=drain@3]]", "conversation_id": conversation,
    });
    let mut waiting = JoinSet::new();
    let sender = client.clone();
    waiting.spawn(async move { sender.send(body).await });
    rig.model.gate("drain").reached(1).await;
    let behind = json!({
        "content": "[[script: tokens=2]]", "conversation_id": conversation, "on_busy": "enqueue",
    });
    let behind = rig::ask(&client, &behind).await;
    let stopped = rig::conversation(&client).await;
    let run = rig::send(&client, &stopped, "[[script: tokens=6 gate=never@2]]").await;
    rig.model.gate("never").reached(1).await;
    stored(&client, &stopped, &scripted_text(2)).await;
    let mut socket = client.socket(None, &[]).await;
    socket.frame("connection").await;
    let mut stream = client.try_events("/chat/sync").await.unwrap();
    stream.next().await.unwrap().unwrap();

    server.signal("TERM").await;
    drains(&server).await;
    let answer = waiting.join_next().await.unwrap().unwrap().expect(200);
    assert_eq!(answer["ai_message"]["status"], "streaming", "{answer}");
    told(socket).await;
    let mut last = Value::Null;
    while let Some(event) = stream.next().await {
        last = event.unwrap().data;
    }
    assert_eq!(last["type"], "connection", "{last}");
    assert_eq!(last["data"]["status"], "draining", "{last}");

    // Over new connections, with a new login.
    let fresh = Client::new(&server.url);
    fresh.login("drain@example.org").await;
    let health = reqwest::get(format!("{}/health", server.url))
        .await
        .unwrap();
    assert_eq!(health.status(), 200);
    assert_eq!(fresh.conversations().await.len(), 3);
    assert_eq!(fresh.messages(old_id).await.len(), 2);
    fresh
        .post("/todos", json!({"title": "later"}))
        .await
        .expect(201);
    let rename = json!({"title": "Renamed"});
    let path = format!("/chat/conversations/{old_id}");
    fresh.patch(&path, rename).await.expect(200);
    let cancel = format!("/chat/runs/{run}/cancel");
    fresh.post(&cancel, json!({})).await.expect(200);
    poll("the stop", PATIENCE, async || {
        let newest = rig::newest(&fresh, &stopped).await;
        (newest["status"] == "cancelled").then_some(())
    })
    .await;

    let message = &old["ai_message"]["id"];
    let again = format!("/chat/conversations/{old_id}/messages/{message}/regenerate");
    let events = format!("/chat/runs/{behind}/events");
    let send = json!({"content": "[[script: tokens=2]]"});
    refused(&fresh, Method::POST, "/chat/messages", send).await;
    refused(&fresh, Method::POST, &again, json!({})).await;
    refused(&fresh, Method::GET, "/chat/sync", json!({})).await;
    refused(&fresh, Method::GET, &events, json!({})).await;
    refused(&fresh, Method::GET, "/chat/ws", json!({})).await;

    let bought = rig.model.answers().len();
    rig.model.gate("drain").open();
    let exit = server
        .ends(PATIENCE)
        .await
        .expect("it ends with its last answer");
    assert_eq!(exit.code(), Some(0), "{}", rig.binary.log());
    assert!(fresh.try_get("/auth/me").await.is_err(), "nobody listens");
    assert_eq!(rig.model.answers().len(), bought, "an answer was begun");

    let server = rig.start().await;
    rig.runs_end(PATIENCE).await;
    let messages = fresh.messages(&conversation).await;
    let statuses: Vec<_> = messages
        .iter()
        .map(|m| m["status"].as_str().unwrap())
        .collect();
    assert_eq!(
        statuses, ["complete"; 4],
        "what waited was answered by the next start"
    );
    rig.finish(server).await;
}

#[tokio::test]
async fn sqlite() {
    while_it_drains(Kind::Sqlite).await;
}

#[tokio::test]
async fn postgres() {
    while_it_drains(Kind::Postgres).await;
}
