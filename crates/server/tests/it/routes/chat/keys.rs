//! `Idempotency-Key` where no `client_message_id` can say it.

use serde_json::{Value, json};
use testkit::client::Answer;
use testkit::{Client, TestApp, scripted_text};

use crate::support::{answered, finished, keyed};

async fn regenerate(user: &Client, path: &str, key: &str) -> Answer {
    keyed(user, path, key, json!({})).await
}

#[tokio::test]
async fn another_answer_is_made_once_per_key() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (id, message) = answered(&user).await;
    let path = format!("/chat/conversations/{id}/messages/{message}/regenerate");

    let first = regenerate(&user, &path, "again").await.expect(202);
    let run = first["run_id"].as_str().unwrap();
    finished(&user, run).await;
    let repeated = regenerate(&user, &path, "again").await.expect(202);
    assert_eq!(repeated["run_id"], run);
    assert_eq!(repeated["user_message"], first["user_message"]);
    assert_eq!(repeated["ai_message"]["id"], first["ai_message"]["id"]);
    assert_eq!(repeated["ai_message"]["status"], "complete");
    assert_eq!(repeated["ai_message"]["content"], scripted_text(2));
    let siblings = repeated["ai_message"]["siblings"].as_array().unwrap();
    assert_eq!(siblings.len(), 2);

    let other = regenerate(&user, &path, "another").await.expect(202);
    assert_ne!(other["run_id"], run);
    finished(&user, other["run_id"].as_str().unwrap()).await;

    // The same key with another body, for another message, on another route.
    let body = json!({ "model": "openai/scripted" });
    let reused = keyed(&user, &path, "again", body).await.expect(409);
    assert_eq!(reused["code"], "idempotency_key_reused");
    let theirs = other["ai_message"]["id"].as_i64().unwrap();
    let elsewhere = format!("/chat/conversations/{id}/messages/{theirs}/regenerate");
    let reused = regenerate(&user, &elsewhere, "again").await.expect(409);
    assert_eq!(reused["code"], "idempotency_key_reused");
    for (path, body) in [
        ("/chat/conversations", json!({})),
        ("/chat/messages", json!({ "content": "Hi" })),
    ] {
        let reused = keyed(&user, path, "again", body).await.expect(409);
        assert_eq!(reused["code"], "idempotency_key_reused");
    }

    user.delete(&format!("/chat/conversations/{id}"))
        .await
        .expect(200);
    let gone = regenerate(&user, &path, "again").await.expect(410);
    assert_eq!(gone["code"], "gone");
    // A key that is not known says what any request says of a deleted thing.
    regenerate(&user, &path, "unused").await.expect(404);
}

#[tokio::test]
async fn a_conversation_is_begun_once_per_key() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let begin = async |user: &Client, key: &str, body: Value| {
        keyed(user, "/chat/conversations", key, body).await
    };
    let body = json!({ "title": "Once" });
    let repeats = (0..6).map(|_| begin(&user, "begin", body.clone()));
    let made: Vec<Value> = futures::future::join_all(repeats)
        .await
        .into_iter()
        .map(|answer| answer.expect(201))
        .collect();
    assert!(made.iter().all(|one| *one == made[0]), "{made:#?}");
    assert_eq!(user.conversations().await, made[..1]);

    // A repeat answers what became of it; `null` and a missing member are the same body.
    let path = format!(
        "/chat/conversations/{}",
        made[0]["conversation_id"].as_str().unwrap()
    );
    let renamed = user.patch(&path, json!({ "title": "Renamed" })).await;
    let explicit = json!({ "title": "Once", "model": null });
    assert_eq!(
        begin(&user, "begin", explicit).await.expect(201),
        renamed.expect(200)
    );

    let other = begin(&user, "begin", json!({ "title": "Other" })).await;
    assert_eq!(other.expect(409)["code"], "idempotency_key_reused");
    // Without a body it is a request of its own.
    begin(&user, "begin", json!({})).await.expect(409);
    for wrong in ["with space", &"k".repeat(129)] {
        begin(&user, wrong, body.clone()).await.expect(422);
    }

    user.delete(&path).await.expect(200);
    let gone = begin(&user, "begin", body.clone()).await.expect(410);
    assert_eq!(gone["code"], "gone");
    // Keys are per user.
    begin(&app.user().await, "begin", body).await.expect(201);
}

#[tokio::test]
async fn a_todo_is_added_once_per_key() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let body = json!({ "title": "milk", "due_at": "2030-01-02T03:04:05Z" });
    let repeats = (0..6).map(|_| keyed(&user, "/todos", "add", body.clone()));
    let added: Vec<Value> = futures::future::join_all(repeats)
        .await
        .into_iter()
        .map(|answer| answer.expect(201))
        .collect();
    assert!(added.iter().all(|one| *one == added[0]), "{added:#?}");
    let all = user.get("/todos").await.expect(200);
    assert_eq!(all["todos"], json!([added[0]]));

    // A repeat answers what became of it; the same moment in another spelling is the same body.
    let path = format!("/todos/{}", added[0]["id"]);
    let done = user.patch(&path, json!({ "done": true })).await.expect(200);
    let same = json!({ "title": "milk", "due_at": "2030-01-02T04:04:05+01:00" });
    assert_eq!(keyed(&user, "/todos", "add", same).await.expect(201), done);

    let other = keyed(&user, "/todos", "add", json!({ "title": "tea" })).await;
    assert_eq!(other.expect(409)["code"], "idempotency_key_reused");
    let elsewhere = keyed(&user, "/chat/conversations", "add", json!({})).await;
    assert_eq!(elsewhere.expect(409)["code"], "idempotency_key_reused");
    // The namespace is the user's.
    let theirs = keyed(&app.user().await, "/todos", "add", body.clone()).await;
    assert_ne!(theirs.expect(201)["id"], done["id"]);

    user.delete(&path).await.expect(204);
    let gone = keyed(&user, "/todos", "add", body).await.expect(410);
    assert_eq!(gone["code"], "gone");
}
