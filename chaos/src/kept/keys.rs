//! What there is since migration 4: keys of new conversations and of other answers.

use serde_json::{Value, json};
use testkit::Client;

use super::{conversation, ended};

const BEGIN: &str = "kept-begin";
const ANOTHER: &str = "kept-another-answer";
const DELETED: &str = "kept-deleted";
const TITLE: &str = "Begun once";

async fn begun(client: &Client, key: &str, title: &str) -> testkit::client::Answer {
    let body = json!({"title": title});
    client.post_once("/chat/conversations", key, body).await
}

async fn another_answer(client: &Client, conversation: &str, message: &Value) -> Value {
    let path = format!("/chat/conversations/{conversation}/messages/{message}/regenerate");
    let answer = client.post_once(&path, ANOTHER, json!({})).await;
    answer.expect(202)
}

fn id(conversation: &Value) -> &str {
    conversation["conversation_id"].as_str().unwrap()
}

/// A conversation with two answers to its question, and one that is gone.
pub async fn write(client: &Client) {
    let made = begun(client, BEGIN, TITLE).await.expect(201);
    let body = json!({"content": "twice [[script: tokens=2]]", "conversation_id": id(&made)});
    let sent = client.send(body).await.expect(200);
    let another = another_answer(client, id(&made), &sent["ai_message"]["id"]).await;
    ended(client, another["run_id"].as_str().unwrap()).await;
    let deleted = begun(client, DELETED, "Deleted").await.expect(201);
    let path = format!("/chat/conversations/{}", id(&deleted));
    client.delete(&path).await.expect(200);
}

/// Each key answers what it made, makes nothing again, and refuses anything else.
pub async fn check(client: &Client) {
    let before = client.conversations().await;
    let made = conversation(client, TITLE).await;
    let again = begun(client, BEGIN, TITLE).await.expect(201);
    let shown = client.get(&format!("/chat/conversations/{made}")).await;
    assert_eq!(again, shown.expect(200));
    let other = begun(client, BEGIN, "Another title").await.expect(409);
    assert_eq!(other["code"], "idempotency_key_reused");
    begun(client, DELETED, "Deleted").await.expect(410);
    assert_eq!(client.conversations().await, before);

    let messages = client.messages(&made).await;
    let siblings = messages[1]["siblings"].as_array().unwrap().clone();
    assert_eq!(siblings.len(), 2, "{messages:?}");
    let again = another_answer(client, &made, &siblings[0]).await;
    assert_eq!(again["run_id"], messages[1]["run_id"]);
    assert_eq!(again["ai_message"], messages[1]);
    assert_eq!(client.messages(&made).await, messages);
}
