use serde_json::{Value, json};
use testkit::TestApp;

use crate::support::{answered, begin};

#[tokio::test]
async fn a_conversation_is_made_renamed_and_tagged() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let empty = user
        .request(reqwest::Method::POST, "/chat/conversations")
        .send()
        .await
        .unwrap();
    assert_eq!(empty.status(), 201);
    let body = json!({ "title": "Plans", "model": "openai/scripted" });
    let made = user.post("/chat/conversations", body).await.expect(201);
    assert_eq!(
        (&made["title"], &made["model"]),
        (&json!("Plans"), &json!("openai/scripted"))
    );
    let path = format!(
        "/chat/conversations/{}",
        made["conversation_id"].as_str().unwrap()
    );
    let change = json!({ "title": "Better plans", "pinned": true, "tags": ["a", "b"] });
    let changed = user.patch(&path, change).await.expect(200);
    assert_eq!(changed["title"], "Better plans");
    assert_eq!(changed["tags"], json!(["a", "b"]));
    assert_eq!(changed["model"], "openai/scripted");
    assert_eq!(changed["updated_at"], made["updated_at"]);
    let changed = user
        .patch(&path, json!({ "model": null }))
        .await
        .expect(200);
    assert_eq!(
        (&changed["model"], &changed["pinned"]),
        (&Value::Null, &json!(true))
    );
    assert_eq!(user.patch(&path, json!({})).await.expect(200), changed);
}

#[tokio::test]
async fn what_is_wrong_with_a_change_is_named() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let made = user
        .post("/chat/conversations", json!({}))
        .await
        .expect(201);
    let path = format!(
        "/chat/conversations/{}",
        made["conversation_id"].as_str().unwrap()
    );
    for (body, pointer) in [
        (json!({ "title": "" }), "/title"),
        (json!({ "title": "a\nb" }), "/title"),
        (json!({ "title": "x".repeat(201) }), "/title"),
        (json!({ "tags": ["a", ""] }), "/tags/1"),
        (json!({ "tags": vec!["a"; 21] }), "/tags"),
        (json!({ "model": "nobody/nothing" }), "/model"),
        (json!({ "pinned": "yes" }), "/pinned"),
        (json!({ "user_id": 1 }), "/user_id"),
    ] {
        let refused = user.patch(&path, body.clone()).await.expect(422);
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{body:.60}");
    }
}

#[tokio::test]
async fn a_rename_is_live() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (id, _) = answered(&user).await;
    let mut socket = user.socket(None, &[]).await;
    socket.frame("connection").await;
    let path = format!("/chat/conversations/{id}");
    user.patch(&path, json!({ "title": "New" }))
        .await
        .expect(200);
    let frame = socket.until(|frame| frame["data"]["title"] == "New").await;
    assert_eq!(
        (&frame["type"], &frame["conversation_id"]),
        (&json!("conversation"), &json!(id))
    );
}

#[tokio::test]
async fn deleting_stops_the_run_and_leaves_nothing() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (id, run) = begin(&user, "Hold [[script: tokens=5 gate=hold@2]]").await;
    app.model.gate("hold").reached(1).await;
    let mut socket = user.socket(None, &[&id]).await;
    socket.frame("message").await;
    let path = format!("/chat/conversations/{id}");
    let deleted = user.delete(&path).await.expect(200);
    assert_eq!(
        deleted,
        json!({ "message": "Conversation deleted successfully" })
    );
    let gone = socket.until(|frame| frame["data"]["deleted"] == true).await;
    assert_eq!(
        gone["data"],
        json!({ "conversation_id": id, "deleted": true })
    );
    app.model
        .until(|requests| requests[0].ended == testkit::scripted::Ended::Dropped)
        .await;
    user.delete(&path).await.expect(404);
    user.get(&path).await.expect(404);
    user.get(&format!("{path}/messages")).await.expect(404);
    user.get(&format!("/chat/runs/{run}")).await.expect(404);
    assert_eq!(
        user.get("/chat/conversations").await.expect(200)["total"],
        0
    );
}
