use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::json;
use testkit::{Incoming, TestApp};
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_user_has_twenty_sockets() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut socket = user.socket(None, &[]).await;
        socket.frame("connection").await;
        open.push(socket);
    }
    let mut refused = user.socket(None, &[]).await;
    assert_eq!(
        refused.frame("error").await["data"]["code"],
        "too_many_sockets"
    );
    let closed = Incoming::Closed(Some((4429, "too_many_sockets".to_owned())));
    assert_eq!(refused.next().await, closed);
    app.user()
        .await
        .socket(None, &[])
        .await
        .frame("connection")
        .await;
}

#[tokio::test]
async fn a_frame_has_a_size() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut socket = user.socket(None, &[]).await;
    socket.frame("connection").await;
    let padding = " ".repeat(64 * 1024 - "{\"type\":\"ping\"}".len());
    socket
        .send_text(&format!("{{\"type\":\"ping\"}}{padding}"))
        .await;
    socket.frame("pong").await;
    socket
        .send_text(&format!("{{\"type\":\"ping\"}}{padding} "))
        .await;
    assert_eq!(
        socket.frame("error").await["data"]["code"],
        "body_too_large"
    );
    let closed = Incoming::Closed(Some((1009, "frame_too_big".to_owned())));
    assert_eq!(socket.next().await, closed);
}

#[tokio::test]
async fn frames_have_a_rate() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut socket = user.socket(None, &[]).await;
    socket.frame("connection").await;
    // More than a slow machine earns back while it sends them; the server may close meanwhile.
    for _ in 0..1_000 {
        if socket.try_send_text("{\"type\":\"ping\"}").await.is_err() {
            break;
        }
    }
    assert_eq!(socket.frame("error").await["data"]["code"], "rate_limited");
    assert!(matches!(socket.next().await, Incoming::Closed(_)));
}

#[tokio::test]
async fn bytes_and_floods_of_pings_close_the_socket() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let url = format!(
        "{}/api/v1/chat/ws?token={}",
        app.url.replacen("http", "ws", 1),
        user.token().unwrap()
    );
    let (mut binary, _) = connect_async(&url).await.unwrap();
    binary.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    let closed = loop {
        match binary.next().await {
            Some(Ok(Message::Close(frame))) => break frame,
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(u16::from(closed.unwrap().code), 1003);

    let (mut flood, _) = connect_async(&url).await.unwrap();
    for _ in 0..2_000 {
        if flood.send(Message::Ping(Default::default())).await.is_err() {
            break;
        }
    }
    // The close frame may be lost behind pings that nobody reads any more.
    let closed = async { while let Some(Ok(_)) = flood.next().await {} };
    timeout(Duration::from_secs(20), closed).await.unwrap();
}

#[tokio::test]
async fn a_socket_watches_eight_conversations() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut ids = Vec::new();
    for _ in 0..9 {
        let made = user
            .post("/chat/conversations", json!({}))
            .await
            .expect(201);
        ids.push(made["conversation_id"].as_str().unwrap().to_owned());
    }
    let mut socket = user.socket(None, &[]).await;
    for id in &ids {
        socket.send("watch", Some(id), json!({})).await;
    }
    assert_eq!(
        socket.frame("error").await["data"]["code"],
        "too_many_watched"
    );
    socket.send("unwatch", Some(&ids[0]), json!({})).await;
    socket.send("watch", Some(&ids[8]), json!({})).await;
    socket.send("ping", None, json!({})).await;
    assert_eq!(socket.until(|_| true).await["type"], "pong");
}

#[tokio::test]
async fn a_long_answer_fits_into_its_frame() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut socket = user.socket(None, &[]).await;
    let ready = socket.frame("connection").await;
    let start = ready["data"]["cursor"].as_str().unwrap();
    let body = json!({ "content": "Long [[script: tokens=30000]]" });
    let sent = user.send(body).await.expect(200);
    let text = sent["ai_message"]["content"].as_str().unwrap().to_owned();
    assert!(text.len() > 250_000, "{}", text.len());
    let mut socket = user.socket(Some(start), &[]).await;
    let frame = socket
        .until(|frame| {
            frame["type"] == "message" && frame["data"]["id"] == sent["ai_message"]["id"]
        })
        .await;
    assert_eq!(frame["data"]["content"], text);
}
