use serde_json::{Value, json};
use testkit::{TestApp, Transcript, scripted_text};

use crate::support::{answered, begin};

fn completed(frame: &Value) -> bool {
    frame["type"] == "run" && frame["data"]["state"] == "completed"
}

#[tokio::test]
async fn everything_after_the_cursor_comes_once_and_in_order() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut socket = user.socket(None, &[]).await;
    let start = socket.frame("connection").await["data"]["cursor"]
        .as_str()
        .unwrap()
        .to_owned();
    let (conversation, _) = begin(&user, "Hi [[script: tokens=12]]").await;
    socket.until(completed).await;

    let replay = |since: String| {
        let (user, conversation) = (user.clone(), conversation.clone());
        async move {
            let mut socket = user.socket(Some(&since), &[&conversation]).await;
            let ready = socket.frame("connection").await;
            assert_eq!(ready["data"]["cursor"], since);
            let mut frames = Vec::new();
            loop {
                let frame = socket.until(|frame| frame["type"] != "typing").await;
                frames.push(frame.clone());
                if completed(&frame) {
                    return frames;
                }
            }
        }
    };
    let whole = replay(start).await;
    let mut read = Transcript::default();
    for frame in &whole {
        read.take(frame).unwrap();
    }
    assert!(
        read.messages
            .values()
            .any(|message| message.text == scripted_text(12))
    );
    // From every position, exactly what follows it.
    for at in 0..whole.len() - 1 {
        let cursor = whole[at]["cursor"].as_str().unwrap().to_owned();
        assert_eq!(replay(cursor).await, whole[at + 1..], "after {at}");
    }
}

#[tokio::test]
async fn a_cursor_that_means_nothing_is_reset() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (conversation, _) = answered(&user).await;
    for cursor in ["x", "ffff-1", "1-ffffff"] {
        let mut socket = user.socket(Some(cursor), &[&conversation]).await;
        let ready = socket.frame("connection").await;
        let reset = socket.until(|_| true).await;
        assert_eq!(reset["type"], "reset", "{cursor}");
        // Nobody who comes back with what the first frame said misses anything.
        let said = ready["data"]["cursor"].as_str().unwrap();
        let expected = if cursor == "x" { "0-0" } else { cursor };
        assert_eq!(said, expected);
        let mut again = user.socket(Some(said), &[]).await;
        again.frame("connection").await;
        assert_eq!(again.until(|_| true).await["type"], "reset", "{cursor}");
        let at = reset["data"]["cursor"].as_str().unwrap().to_owned();
        assert!(reset["cursor"].is_null());
        // It goes on from there.
        socket.send("ping", None, json!({})).await;
        assert_eq!(socket.frame("pong").await["data"]["cursor"], at);
        let path = format!("/chat/conversations/{conversation}");
        user.patch(&path, json!({ "title": cursor }))
            .await
            .expect(200);
        assert_eq!(socket.frame("conversation").await["data"]["title"], cursor);
    }
}

#[tokio::test]
async fn a_pong_moves_past_what_nobody_asked_for() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut socket = user.socket(None, &[]).await;
    socket.frame("connection").await;
    let (_, run) = begin(&user, "Hi [[script: tokens=12]]").await;
    crate::support::finished(&user, &run).await;
    let last = socket.until(completed).await;
    socket.send("ping", None, json!({})).await;
    let pong = socket.frame("pong").await;
    let position = |text: &Value| domain::Cursor::parse(text.as_str().unwrap()).unwrap().seq;
    assert!(position(&pong["data"]["cursor"]) >= position(&last["cursor"]));
}
