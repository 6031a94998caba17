use serde_json::json;
use testkit::{TestApp, Transcript, scripted_text};

use crate::support::{begin, written};

fn completed(frame: &serde_json::Value) -> bool {
    frame["type"] == "run" && frame["data"]["state"] == "completed"
}

#[tokio::test]
async fn tokens_come_to_whoever_watches_from_the_text_so_far_on() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (conversation, _) = begin(&user, "Hi [[script: tokens=8 gate=a@3]]").await;
    app.model.gate("a").reached(1).await;
    written(&user, &conversation, &scripted_text(3)).await;
    let mut watching = user.socket(None, &[]).await;
    let mut other = user.socket(None, &[]).await;
    watching.frame("connection").await;
    other.frame("connection").await;
    watching.send("watch", Some(&conversation), json!({})).await;
    let so_far = watching.frame("message").await;
    assert_eq!(so_far["data"]["status"], "streaming");
    assert!(so_far["cursor"].is_null(), "a snapshot is not of the log");
    app.model.gate("a").open();

    let mut read = Transcript::default();
    read.take(&so_far).unwrap();
    loop {
        let frame = watching.until(|_| true).await;
        if frame["type"] == "delta" {
            let offset = frame["data"]["offset"].as_u64().unwrap();
            let known = so_far["data"]["offsets"]["text"].as_u64().unwrap();
            assert!(offset >= known, "sent twice: {frame}");
        }
        read.take(&frame).unwrap();
        if completed(&frame) {
            break;
        }
    }
    let id = so_far["data"]["id"].as_i64().unwrap();
    assert_eq!(read.messages[&id].text, scripted_text(8));

    loop {
        let frame = other.until(|_| true).await;
        assert!(
            frame["type"] != "delta" && frame["type"] != "typing",
            "{frame}"
        );
        if completed(&frame) {
            break;
        }
    }
}

#[tokio::test]
async fn watching_a_quiet_conversation_says_nothing() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (conversation, _) = crate::support::answered(&user).await;
    let mut socket = user.socket(None, &[]).await;
    socket.frame("connection").await;
    socket.send("watch", Some(&conversation), json!({})).await;
    socket.send("ping", None, json!({})).await;
    // Its title may only just have been made.
    let next = socket.until(|frame| frame["type"] != "conversation").await;
    assert_eq!(next["type"], "pong");
}

#[tokio::test]
async fn a_tool_is_named_while_it_works() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut socket = user.socket(None, &[]).await;
    let content = r#"Note [[script: tool=todo_add args={"title":"milk"} tokens=2]]"#;
    let data =
        json!({ "content": content, "client_message_id": crate::support::uuid().to_string() });
    socket.send("message", None, data).await;
    let mut states = Vec::new();
    loop {
        let frame = socket.until(|_| true).await;
        if frame["type"] == "tool" {
            assert_eq!(frame["data"]["name"], "todo_add");
            states.push(frame["data"]["state"].as_str().unwrap().to_owned());
        }
        if completed(&frame) {
            break;
        }
    }
    assert_eq!(states.first().map(String::as_str), Some("intended"));
    assert_eq!(states.last().map(String::as_str), Some("succeeded"));
}
