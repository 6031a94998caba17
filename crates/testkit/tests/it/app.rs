//! The spine, end to end in one process, on whichever database is there.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::app::Options;
use testkit::socket::PATIENCE;
use testkit::{Client, TestApp, TestDatabase, Transcript, scripted_text};
use tokio::time::timeout;

async fn databases() -> Vec<TestDatabase> {
    [Some(TestDatabase::sqlite()), TestDatabase::postgres().await]
        .into_iter()
        .flatten()
        .collect()
}

fn answer(messages: &[Value]) -> (&str, &str) {
    let last = messages.last().unwrap();
    (
        last["status"].as_str().unwrap(),
        last["content"].as_str().unwrap(),
    )
}

async fn begin(client: &Client, content: &str) -> (String, String) {
    let sent = client
        .try_send_async(&json!({"content": content}))
        .await
        .unwrap()
        .expect(202);
    let text = |key: &str| sent[key].as_str().unwrap().to_owned();
    (text("conversation_id"), text("run_id"))
}

#[tokio::test]
async fn a_message_is_answered() {
    for database in databases().await {
        let app = TestApp::with(database, Options::default()).await;
        let user = app.user().await;
        let sent = user
            .send(json!({"content": "Hello [[script: tokens=5]]"}))
            .await
            .expect(200);
        assert_eq!(sent["ai_message"]["content"], scripted_text(5));
        assert_eq!(sent["ai_message"]["status"], "complete");
        let id = sent["conversation_id"].as_str().unwrap();
        let messages = user.messages(id).await;
        assert_eq!(messages.len(), 2);
        assert_eq!(answer(&messages), ("complete", scripted_text(5).as_str()));
        app.stop().await;
    }
}

#[tokio::test]
async fn a_run_that_a_drain_cut_goes_on_after_the_restart() {
    for database in databases().await {
        let app = TestApp::with(database, Options::default()).await;
        let user = app.user().await;
        let (conversation, run) = begin(&user, "Long [[script: tokens=9 gate=hold@4]]").await;
        let gate = app.model.gate("hold");
        gate.reached(1).await;
        let token = user.token();
        let app = app.restart().await;
        gate.reached(2).await;
        gate.open();

        let user = app.client();
        user.set_token(token);
        let mut read = Transcript::default();
        let mut events = user
            .try_events(&format!("/chat/runs/{run}/events"))
            .await
            .unwrap();
        while let Some(event) = events.next().await {
            read.take(&event.unwrap().data).unwrap();
        }
        let messages = user.messages(&conversation).await;
        assert_eq!(answer(&messages), ("complete", scripted_text(9).as_str()));
        let id = messages[1]["id"].as_i64().unwrap();
        assert_eq!(read.messages[&id].text, scripted_text(9));
        app.stop().await;
    }
}

#[tokio::test]
async fn a_socket_that_was_cut_goes_on_at_its_cursor() {
    for database in databases().await {
        let app = TestApp::with(database, Options::default()).await;
        let user = app.user().await;
        let (conversation, _) = begin(&user, "Cut [[script: tokens=8 gate=a@3 gate=b@6]]").await;
        app.model.gate("a").reached(1).await;

        let mut read = Transcript::default();
        let mut socket = user.socket(None, &[]).await;
        socket.frame("connection").await;
        socket.send("watch", Some(&conversation), json!({})).await;
        let partial = socket.frame("message").await;
        read.take(&partial).unwrap();
        app.model.gate("a").open();
        app.model.gate("b").reached(1).await;
        let cursor = socket.cut();
        app.model.gate("b").open();

        let mut socket = user.socket(cursor.as_deref(), &[&conversation]).await;
        loop {
            let frame = socket.until(|_| true).await;
            read.take(&frame).unwrap();
            if frame["type"] == "run" && frame["data"]["state"] == "completed" {
                break;
            }
        }
        let id = partial["data"]["id"].as_i64().unwrap();
        assert_eq!(read.messages[&id].text, scripted_text(8));
        app.stop().await;
    }
}

#[tokio::test]
async fn stop_ends_the_run_and_the_upstream_request() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (conversation, run) = begin(&user, "Stop [[script: tokens=9 gate=hold@2]]").await;
    app.model.gate("hold").reached(1).await;
    // Sent is not stored: what is said to stay must be there.
    let said = async {
        while answer(&user.messages(&conversation).await).1.trim_end() != "tok0 tok1" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, said).await.unwrap();
    user.post(&format!("/chat/runs/{run}/cancel"), json!({}))
        .await
        .expect(200);
    app.model
        .until(|requests| requests[0].ended == testkit::scripted::Ended::Dropped)
        .await;
    let mut events = user
        .try_events(&format!("/chat/runs/{run}/events"))
        .await
        .unwrap();
    while events.next().await.is_some() {}
    assert_eq!(
        answer(&user.messages(&conversation).await),
        ("cancelled", "tok0 tok1")
    );
}

#[tokio::test]
async fn a_todo_is_added_by_a_tool() {
    for database in databases().await {
        let app = TestApp::with(database, Options::default()).await;
        let user = app.user().await;
        let content = r#"Note [[script: tool=todo_add args={"title":"milk"} tokens=2]]"#;
        let sent = user.send(json!({"content": content})).await.expect(200);
        assert_eq!(sent["ai_message"]["content"], "tok0 tok1");
        let todos = user.get("/todos").await.expect(200);
        assert_eq!(todos["todos"][0]["title"], "milk");
        let messages = user
            .messages(sent["conversation_id"].as_str().unwrap())
            .await;
        let kinds: Vec<&str> = messages
            .iter()
            .map(|m| m["message_type"].as_str().unwrap())
            .collect();
        assert_eq!(
            kinds,
            [
                "user_input",
                "assistant_response",
                "tool_call",
                "tool_result",
                "assistant_response"
            ]
        );
        app.stop().await;
    }
}
