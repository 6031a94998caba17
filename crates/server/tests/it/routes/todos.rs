use serde_json::json;
use testkit::TestApp;

#[tokio::test]
async fn a_todo_is_added_changed_and_removed() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let body = json!({ "title": "milk", "due_at": "2030-01-02T03:04:05+01:00" });
    let added = user.post("/todos", body).await.expect(201);
    assert_eq!(added["due_at"], "2030-01-02T02:04:05.000Z");
    assert_eq!(added["done"], false);
    let path = format!("/todos/{}", added["id"]);
    let changed = user.patch(&path, json!({ "done": true })).await.expect(200);
    assert_eq!(changed["due_at"], added["due_at"]);
    assert_eq!(changed["done"], true);
    let changed = user
        .patch(&path, json!({ "due_at": null, "title": "oat milk" }))
        .await;
    let changed = changed.expect(200);
    assert_eq!(
        (&changed["due_at"], &changed["title"]),
        (&json!(null), &json!("oat milk"))
    );
    assert_eq!(
        user.get("/todos").await.expect(200)["todos"],
        json!([changed])
    );
    user.delete(&path).await.expect(204);
    user.delete(&path).await.expect(404);
    assert_eq!(user.get("/todos").await.expect(200)["todos"], json!([]));
}

#[tokio::test]
async fn what_is_wrong_with_a_todo_is_named() {
    let app = TestApp::start().await;
    let user = app.user().await;
    for (body, pointer) in [
        (json!({ "title": "" }), "/title"),
        (json!({ "title": "x".repeat(501) }), "/title"),
        (json!({ "title": "a\0" }), "/title"),
        (json!({ "title": "a", "due_at": "soon" }), "/due_at"),
        (json!({ "title": 5 }), "/title"),
        (json!({ "title": "a", "user_id": 1 }), "/user_id"),
    ] {
        let refused = user.post("/todos", body.clone()).await.expect(422);
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{body}");
    }
}

#[tokio::test]
async fn todos_are_live_on_every_device() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut socket = user.socket(None, &[]).await;
    // From here on it hears everything.
    socket.frame("connection").await;
    let todo = user
        .post("/todos", json!({ "title": "milk" }))
        .await
        .expect(201);
    let frame = socket.frame("todo").await;
    assert_eq!(frame["data"], todo);
    user.delete(&format!("/todos/{}", todo["id"]))
        .await
        .expect(204);
    let gone = socket.until(|frame| frame["data"]["deleted"] == true).await;
    assert_eq!(gone["data"], json!({ "id": todo["id"], "deleted": true }));
}
