//! What there is since migration 2: runs and messages that wait behind another run of their
//! conversation, and an interruption.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Client, scripted_text};

use super::{Kept, begin, conversation, name, texts};
use crate::rig::{newest, poll};

/// A message that waits, and the key under which it was sent.
const WAITING: &str = "the second waits [[script: tokens=5]]";
const KEY: &str = "5c0d2d6c-52d1-4d3c-9d3e-6f1c0a8b7e02";
const CHANGED: &str = "the third waits, changed [[script: tokens=4]]";
/// The answer that was being written stands at this gate.
pub const GATE: &str = "queue";

const PATIENCE: Duration = Duration::from_secs(30);

fn body(content: &str, conversation: &str) -> Value {
    json!({"content": content, "conversation_id": conversation, "on_busy": "enqueue"})
}

fn waiting(conversation: &str) -> Value {
    let mut body = body(WAITING, conversation);
    body["client_message_id"] = json!(KEY);
    body
}

/// Leaves an answer half-written and two messages behind it; a question to the user and a message
/// behind that; and an interruption that is over.
pub async fn write(client: &Client) {
    let (interrupted, _) = begin(client, "stop here [[script: tokens=40 gate=long@2]]").await;
    said(client, &interrupted, 2).await;
    let mut instead = body("rather this [[script: tokens=3]]", &interrupted);
    instead["on_busy"] = json!("interrupt");
    client.send(instead).await.expect(200);
    name(client, &interrupted, "Interrupted").await;

    let question = "pay it [[script: tool=pay args={\"n\":2} tokens=3]]";
    let (asked, run) = begin(client, question).await;
    poll("a question", PATIENCE, async || {
        let run = client.get(&format!("/chat/runs/{run}")).await.expect(200);
        (run["state"] == "awaiting_approval").then_some(())
    })
    .await;
    let behind = body("and then [[script: tokens=4]]", &asked);
    client.try_send_async(&behind).await.unwrap().expect(202);
    name(client, &asked, "Asked").await;

    let first = format!("the first is being answered [[script: tokens=6 gate={GATE}@3]]");
    let (queue, _) = begin(client, &first).await;
    name(client, &queue, "Queue").await;
    let send = |body| async move { client.try_send_async(&body).await.unwrap().expect(202) };
    send(waiting(&queue)).await;
    send(body("the third waits", &queue)).await;
    let path = format!("/chat/conversations/{queue}/messages");
    let third = format!("{path}/{}", newest(client, &queue).await["id"]);
    let change = json!({"content": CHANGED});
    client.patch(&third, change).await.expect(200);
    said(client, &queue, 3).await;
}

/// So many words of a conversation's first answer are stored, and so visible to everybody.
async fn said(client: &Client, conversation: &str, words: usize) {
    poll("words of an answer", PATIENCE, async || {
        let messages = client.messages(conversation).await;
        let text = messages[1]["content"].as_str().unwrap();
        (text.trim_end() == scripted_text(words)).then_some(())
    })
    .await;
}

/// The interruption is over; what was being answered and what waited is answered, in its order; the
/// question can be answered, and then so is what waited behind it; a repeat of what waited finds it.
pub async fn check(kept: &Kept, client: &Client) {
    let interrupted = conversation(client, "Interrupted").await;
    let messages = texts(&client.messages(&interrupted).await);
    assert_eq!(messages[1], "assistant interrupted: tok0 tok1");
    assert_eq!(messages[3], "assistant complete: tok0 tok1 tok2");
    assert_eq!(messages.len(), 4);

    let asked = conversation(client, "Asked").await;
    let before = client.messages(&asked).await;
    assert_eq!(before.last().unwrap()["status"], "queued", "{before:?}");
    let paid = kept.witness.entries().len();
    let listed = client.get("/chat/approvals").await.expect(200);
    let approvals = listed["approvals"].as_array().unwrap();
    let approval = approvals.iter().find(|a| a["conversation_id"] == asked[..]);
    let approval = approval.unwrap_or_else(|| panic!("no question: {listed}"));
    assert_eq!(approval["arguments"], json!({"n": 2}));
    let path = format!(
        "/chat/approvals/{}",
        approval["approval_id"].as_str().unwrap()
    );
    let yes = json!({"decision": "approve", "arguments_hash": approval["arguments_hash"]});
    client.post(&path, yes).await.expect(200);
    let messages = answered(client, &asked).await;
    assert_eq!(
        messages.last().unwrap(),
        "assistant complete: tok0 tok1 tok2 tok3"
    );
    let calls = kept.witness.entries().split_off(paid);
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(calls[0].body, json!({"n": 2}));

    let queue = conversation(client, "Queue").await;
    let messages = answered(client, &queue).await;
    let answer = |tokens| format!("assistant complete: {}", scripted_text(tokens));
    assert_eq!(messages[1], answer(6));
    let rest = [
        format!("user complete: {WAITING}"),
        answer(5),
        format!("user complete: {CHANGED}"),
        answer(4),
    ];
    assert_eq!(messages[2..], rest);
    repeats(client, &queue).await;
}

/// Nothing of the conversation is open any more.
async fn answered(client: &Client, conversation: &str) -> Vec<String> {
    let open = ["queued", "streaming", "awaiting_approval"];
    poll("answers to what waited", PATIENCE, async || {
        let messages = client.messages(conversation).await;
        let is_open = |m: &Value| open.contains(&m["status"].as_str().unwrap());
        (!messages.iter().any(is_open)).then(|| texts(&messages))
    })
    .await
}

async fn repeats(client: &Client, queue: &str) {
    let before = client.messages(queue).await;
    let again = client.send(waiting(queue)).await.expect(200);
    assert_eq!(again["user_message"], before[2]);
    assert_eq!(again["ai_message"], before[3]);
    let mut other = waiting(queue);
    other["content"] = json!("something else");
    assert_eq!(
        client.send(other).await.expect(409)["code"],
        "idempotency_key_reused"
    );
    assert_eq!(client.messages(queue).await, before);
}
