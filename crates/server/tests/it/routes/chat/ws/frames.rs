use serde_json::{Value, json};
use testkit::{TestApp, scripted_text};

use crate::support::{begin, uuid};

#[tokio::test]
async fn a_turn_is_told_frame_by_frame() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut socket = user.socket(None, &[]).await;
    let ready = socket.frame("connection").await;
    assert!(ready["cursor"].is_null());
    let id = uuid().to_string();
    let data = json!({ "content": "Hi [[script: tokens=3]]", "client_message_id": id });
    socket.send("message", None, data).await;
    let ack = socket.frame("ack").await;
    assert_eq!(ack["data"]["client_message_id"], id);
    assert_eq!(ack["data"]["message"]["content"], "Hi [[script: tokens=3]]");
    assert!(ack["cursor"].is_null());
    let conversation = ack["conversation_id"].clone();
    assert_eq!(ack["data"]["conversation_id"], conversation);

    let (mut kinds, mut typing, mut text, mut cursors) =
        (Vec::new(), Vec::new(), String::new(), Vec::new());
    loop {
        let frame = socket.until(|_| true).await;
        let kind = frame["type"].as_str().unwrap().to_owned();
        assert!(frame["data"].is_object());
        match kind.as_str() {
            "typing" => {
                assert!(frame["cursor"].is_null());
                typing.push(frame["data"]["state"].as_str().unwrap().to_owned());
                let idle = frame["data"]["state"] == "idle";
                if idle {
                    break;
                }
                continue;
            }
            "delta" => text.push_str(frame["data"]["text"].as_str().unwrap()),
            _ => {}
        }
        if kind != "conversation" {
            assert_eq!(frame["conversation_id"], conversation, "{frame}");
        }
        cursors.push(frame["cursor"].as_str().unwrap().to_owned());
        kinds.push(kind);
    }
    assert_eq!(text, scripted_text(3));
    assert_eq!(typing, ["queued", "thinking", "writing", "idle"]);
    for kind in ["conversation", "message", "run", "delta"] {
        assert!(kinds.iter().any(|seen| seen == kind), "{kind}: {kinds:?}");
    }
    let count = cursors.len();
    cursors.dedup();
    assert_eq!(cursors.len(), count);
}

#[tokio::test]
async fn a_message_sent_again_is_acknowledged_again() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut socket = user.socket(None, &[]).await;
    let data = json!({
        "content": "Hi [[script: tokens=3]]", "client_message_id": uuid().to_string(),
    });
    socket.send("message", None, data.clone()).await;
    let first = socket.frame("ack").await;
    socket.send("message", None, data.clone()).await;
    let second = socket.frame("ack").await;
    assert_eq!(first["data"]["run_id"], second["data"]["run_id"]);
    assert_eq!(
        first["data"]["message"]["id"],
        second["data"]["message"]["id"]
    );
    let by_post = user.send(data.clone()).await.expect(200);
    assert_eq!(by_post["run_id"], first["data"]["run_id"]);
    let mut other = data;
    other["content"] = json!("Other");
    socket.send("message", None, other.clone()).await;
    let error = socket.frame("error").await;
    assert_eq!(error["data"]["code"], "idempotency_key_reused");
    assert_eq!(
        error["data"]["client_message_id"],
        other["client_message_id"]
    );
}

#[tokio::test]
async fn a_refused_message_names_itself() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut socket = user.socket(None, &[]).await;
    // A pointer names a place in the frame.
    for (data, pointer) in [
        (json!({ "content": "" }), "/data/content"),
        (json!({ "content": "a", "model": "no" }), "/data/model"),
        (json!({ "content": "a", "on_busy": "shout" }), "/data"),
        (json!({ "content": 5 }), "/data"),
    ] {
        let id = uuid().to_string();
        let mut data = data;
        data["client_message_id"] = json!(id);
        socket.send("message", None, data).await;
        let error = socket.frame("error").await;
        assert_eq!(error["data"]["code"], "validation");
        assert_eq!(error["data"]["errors"][0]["pointer"], pointer);
        assert_eq!(error["data"]["client_message_id"], id);
    }
}

#[tokio::test]
async fn stop_stops() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (_, run) = begin(&user, "Hold [[script: tokens=5 gate=hold@2]]").await;
    app.model.gate("hold").reached(1).await;
    let mut socket = user.socket(None, &[]).await;
    socket.frame("connection").await;
    socket.send("stop", None, json!({ "run_id": run })).await;
    let ended = socket
        .until(|frame| frame["type"] == "run" && frame["data"]["state"] == "cancelled")
        .await;
    assert_eq!(ended["data"]["run_id"], run);
}

#[tokio::test]
async fn typing_shows_on_other_devices_only() {
    let app = TestApp::start().await;
    let here = app.user().await;
    let there = app.client();
    there.login("user0@example.org").await;
    let (mut mine, mut theirs) = (here.socket(None, &[]).await, there.socket(None, &[]).await);
    mine.frame("connection").await;
    theirs.frame("connection").await;
    let id = uuid().to_string();
    mine.send("typing", Some(&id), json!({ "state": "writing" }))
        .await;
    let shown = theirs.frame("typing").await;
    assert_eq!(shown["data"], json!({ "role": "user", "state": "writing" }));
    assert_eq!(shown["conversation_id"], id);
    mine.send("ping", None, json!({})).await;
    let next = mine.until(|_| true).await;
    assert_eq!(next["type"], "pong");
}

#[tokio::test]
async fn nonsense_is_refused_and_the_socket_lives() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut socket = user.socket(None, &[]).await;
    socket.frame("connection").await;
    let deep = format!("{{\"type\":\"ping\",\"data\":{}1", "{\"a\":".repeat(5_000));
    for text in [
        "",
        "nonsense",
        "[]",
        "{}",
        "{\"type\":\"shout\"}",
        "{\"type\":null}",
        &deep,
    ] {
        socket.send_text(text).await;
        let error = socket.until(|_| true).await;
        assert_eq!(error["type"], "error", "{text:.40}");
        assert_eq!(error["data"]["code"], "malformed_frame", "{text:.40}");
        assert_ne!(error["data"]["request_id"], Value::from(""));
    }
    socket.send("ping", None, json!({})).await;
    let pong = socket.frame("pong").await;
    assert!(domain::Cursor::parse(pong["data"]["cursor"].as_str().unwrap()).is_some());
}
