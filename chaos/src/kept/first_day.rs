//! What every kept database holds, since the first schema: two conversations and a todo.

use serde_json::json;
use testkit::Client;

use super::{conversation, texts};

/// Of the first conversation: role, status, content.
const MESSAGES: [(&str, &str, &str); 9] = [
    (
        "user",
        "complete",
        "a question with äöü and 🦀 [[script: tokens=12]]",
    ),
    (
        "assistant",
        "complete",
        "tok0 tok1 tok2 tok3 tok4 tok5 tok6 tok7 tok8 tok9 tok10 tok11",
    ),
    (
        "user",
        "complete",
        "remember the milk [[script: tool=todo_add args={\"title\":\"milk\"} tokens=5]]",
    ),
    ("assistant", "complete", ""),
    ("assistant", "complete", "{\"title\":\"milk\"}"),
    (
        "tool",
        "complete",
        "{\"id\":1,\"title\":\"milk\",\"done\":false,\"due_at\":null}",
    ),
    ("assistant", "complete", "tok0 tok1 tok2 tok3 tok4"),
    (
        "user",
        "complete",
        "this one fails [[script: tokens=9 fault=error@4]]",
    ),
    ("assistant", "failed", "tok0 tok1 tok2 tok3"),
];

/// All of it is read back, and the conversation goes on.
pub async fn check(client: &Client) {
    let id = conversation(client, "Kept").await;
    let expected = MESSAGES.map(|(role, status, content)| format!("{role} {status}: {content}"));
    assert_eq!(texts(&client.messages(&id).await), expected);
    let todos = client.get("/todos").await.expect(200);
    assert_eq!(todos["todos"][0]["title"], "milk");
    assert_eq!(todos["todos"].as_array().unwrap().len(), 1);
    let more = json!({"content": "and now [[script: tokens=4]]", "conversation_id": id});
    client.send(more).await.expect(200);
    assert_eq!(client.messages(&id).await.len(), MESSAGES.len() + 2);
}
