use serde_json::json;
use testkit::{TestApp, Transcript, scripted_text};

use crate::support::{begin, uuid};

#[tokio::test]
async fn the_feed_can_be_read_as_events() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut stream = user.try_events("/chat/sync").await.unwrap();
    let ready = stream.next().await.unwrap().unwrap();
    assert_eq!(
        (ready.event.as_str(), &ready.data["data"]["status"]),
        ("connection", &json!("ready"))
    );
    let start = ready.data["data"]["cursor"].as_str().unwrap().to_owned();
    let (conversation, _) = begin(&user, "Hi [[script: tokens=5]]").await;
    let mut last = None;
    loop {
        let event = stream.next().await.unwrap().unwrap();
        assert_ne!(event.event, "delta", "nobody watches");
        assert!(event.id.is_some() && event.id != last, "cursors are unique");
        last = event.id;
        if event.event == "run" && event.data["data"]["state"] == "completed" {
            break;
        }
    }
    // The same again from the start, with tokens.
    let path = format!("/chat/sync?since={start}&watch={conversation}");
    let mut stream = user.try_events(&path).await.unwrap();
    let mut read = Transcript::default();
    loop {
        let event = stream.next().await.unwrap().unwrap();
        read.take(&event.data).unwrap();
        if event.event == "run" && event.data["data"]["state"] == "completed" {
            break;
        }
    }
    assert!(
        read.messages
            .values()
            .any(|message| message.text == scripted_text(5))
    );
}

#[tokio::test]
async fn a_position_that_means_nothing_is_reset() {
    let app = TestApp::start().await;
    let user = app.user().await;
    for cursor in ["x", "ffff-1", "1-ffffff"] {
        let mut stream = user
            .try_events(&format!("/chat/sync?since={cursor}"))
            .await
            .unwrap();
        stream.next().await.unwrap().unwrap();
        assert_eq!(
            stream.next().await.unwrap().unwrap().event,
            "reset",
            "{cursor}"
        );
    }
}

#[tokio::test]
async fn streams_are_counted() {
    let app = TestApp::start().await;
    let user = app.user().await;
    user.get(&format!("/chat/sync?watch={}", uuid()))
        .await
        .expect(404);
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut stream = user.try_events("/chat/sync").await.unwrap();
        stream.next().await.unwrap().unwrap();
        open.push(stream);
    }
    assert_eq!(
        user.get("/chat/sync").await.expect(429)["code"],
        "too_many_sockets"
    );
}

#[tokio::test]
async fn signing_out_ends_the_stream() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut stream = user.try_events("/chat/sync").await.unwrap();
    stream.next().await.unwrap().unwrap();
    user.post("/auth/logout", json!({})).await.expect(204);
    let last = stream.next().await.unwrap().unwrap();
    assert_eq!(
        (last.event.as_str(), &last.data["data"]["code"]),
        ("error", &json!("unauthenticated"))
    );
    assert!(stream.next().await.is_none());
}
