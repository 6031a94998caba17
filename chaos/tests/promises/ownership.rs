//! What is one user's is nobody else's, against the real binary: the routes and frames that reach
//! most. That none is left out, the matrix in `crates/server/tests/it/ownership` says.

use chaos::database::Kind;
use chaos::scene::Scene;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Client, Dice};

async fn a_stranger_finds_nothing(kind: Kind) {
    let scene = Scene::new(kind, "").await;
    let server = scene.binary().start().await;
    let owner = Client::new(&server.url);
    owner.register("owner@example.org").await;
    let stranger = Client::new(&server.url);
    stranger.register("stranger@example.org").await;
    let mut dice = Dice::new(Dice::seed());

    let content = "A secret [[script: tokens=3 gate=held@1]]";
    let send = json!({"content": content, "client_message_id": dice.uuid()});
    let sent = owner.try_send_async(&send).await.unwrap().expect(202);
    let conversation = sent["conversation_id"].as_str().unwrap();
    let run = sent["run_id"].as_str().unwrap();
    let random = dice.uuid().to_string();

    let mut open = Vec::new();
    let none = json!({});
    let rename = json!({"title": "taken"});
    for (method, path, body) in [
        (Method::GET, "/chat/conversations/{conversation}", &none),
        (
            Method::GET,
            "/chat/conversations/{conversation}/messages",
            &none,
        ),
        (Method::PATCH, "/chat/conversations/{conversation}", &rename),
        (Method::GET, "/chat/runs/{run}", &none),
        (Method::GET, "/chat/runs/{run}/events", &none),
        (Method::POST, "/chat/runs/{run}/cancel", &none),
        (Method::DELETE, "/chat/conversations/{conversation}", &none),
    ] {
        let there = path
            .replace("{conversation}", conversation)
            .replace("{run}", run);
        let nowhere = path
            .replace("{conversation}", &random)
            .replace("{run}", &random);
        let foreign = asked(&stranger, &method, &there, body).await;
        let unknown = asked(&stranger, &method, &nowhere, body).await;
        if foreign != unknown {
            open.push(format!(
                "{method} {path}: {foreign:?}, a random id: {unknown:?}"
            ));
        }
    }
    let mut socket = stranger.socket(None, &[]).await;
    socket.frame("connection").await;
    socket.send("watch", Some(conversation), none).await;
    let frame = socket.until(|_| true).await;
    if frame["type"] != "error" {
        open.push(format!("watch: {frame}"));
    }
    assert!(
        open.is_empty(),
        "somebody else's conversation is open to a stranger:\n{}",
        open.join("\n")
    );
    println!(
        "{}: 7 routes and a frame answer a stranger like a random id",
        kind.name()
    );
}

/// Status and problem, without what differs from request to request. A stream is not read.
async fn asked(client: &Client, method: &Method, path: &str, body: &Value) -> (u16, String) {
    let mut request = client.request(method.clone(), path);
    if method != Method::GET {
        request = request.json(body);
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    if status == 200 {
        return (status, String::new());
    }
    let problem: Value = response.json().await.unwrap();
    (status, problem["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn sqlite() {
    a_stranger_finds_nothing(Kind::Sqlite).await;
}

#[tokio::test]
async fn postgres() {
    a_stranger_finds_nothing(Kind::Postgres).await;
}
