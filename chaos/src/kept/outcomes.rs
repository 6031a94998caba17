//! What there is since migration 3: calls of unknown outcome that their user has decided, and a tool
//! that a conversation need not ask for.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::process::{Binary, Server};
use testkit::{Behaviour, Client};

use super::{Kept, begin, conversation, ended, name};
use crate::rig::poll;

/// Conversations with a call of unknown outcome, and what was decided about it.
const DECIDED: [(&str, &str); 3] = [
    ("Happened", "happened"),
    ("Did not happen", "did_not_happen"),
    ("Tried again", "retry"),
];
const UNDECIDED: &str = "Undecided";
/// Where `pay` need not ask.
const TRUSTED: &str = "Trusted";

const PATIENCE: Duration = Duration::from_secs(30);
const PAY: &str = "pay [[script: tool=pay args={\"n\":3} tokens=2]]";

/// Four calls act and the server dies before they answer; three are decided. Answers the server of
/// now.
pub async fn write(kept: &Kept, client: &Client, binary: &mut Binary, server: Server) -> Server {
    kept.witness.behave(Behaviour::Hang);
    let titles = DECIDED.map(|(title, _)| title);
    for (n, title) in titles.into_iter().chain([UNDECIDED]).enumerate() {
        let arguments = json!({"to": title});
        let content = format!("wire [[script: tool=wire args={arguments} tokens=2]]");
        let (id, _) = begin(client, &content).await;
        name(client, &id, title).await;
        kept.witness.acted(n + 1).await;
    }
    server.kill().await;
    kept.witness.behave(Behaviour::Answer);
    let server = binary.start().await;
    let unknown = poll("four unknown calls", PATIENCE, async || {
        let unknown = unknown(client).await;
        (unknown.len() == 4).then_some(unknown)
    })
    .await;
    kept.database.runs_end(PATIENCE).await.unwrap();
    for (title, decision) in DECIDED {
        let call = unknown.iter().find(|call| call["arguments"]["to"] == title);
        let path = path(&call.unwrap()["call_id"]);
        let body = json!({"decision": decision});
        client.post(&path, body).await.expect(200);
    }
    kept.database.runs_end(PATIENCE).await.unwrap();

    let (trusted, run) = begin(client, PAY).await;
    name(client, &trusted, TRUSTED).await;
    let approval = poll("a question", PATIENCE, async || {
        let listed = client.get("/chat/approvals").await.expect(200);
        let approvals = listed["approvals"].as_array().unwrap();
        approvals.iter().find(|a| a["run_id"] == run[..]).cloned()
    })
    .await;
    let path = format!(
        "/chat/approvals/{}",
        approval["approval_id"].as_str().unwrap()
    );
    let always = json!({
        "decision": "approve", "arguments_hash": approval["arguments_hash"], "scope": "conversation",
    });
    client.post(&path, always).await.expect(200);
    ended(client, &run).await;
    server
}

async fn unknown(client: &Client) -> Vec<Value> {
    let listed = client.get("/chat/calls?state=unknown").await.expect(200);
    listed["calls"].as_array().unwrap().clone()
}

fn path(call: &Value) -> String {
    format!("/chat/calls/{}", call.as_str().unwrap())
}

/// The first call of a conversation, as its user sees it.
async fn first_call(client: &Client, title: &str) -> Value {
    let id = conversation(client, title).await;
    let messages = client.messages(&id).await;
    let call = messages.iter().find(|m| m["message_type"] == "tool_call");
    let call = &call.unwrap()["additional_data"]["call_id"];
    client.get(&path(call)).await.expect(200)
}

/// What was decided stays decided, what was not can be, and the permission is good where it was given
/// and nowhere else, until it is taken back.
pub async fn check(kept: &Kept, client: &Client) {
    for (title, decision) in DECIDED {
        let call = first_call(client, title).await;
        assert_eq!(call["decision"], decision, "{call}");
        let retried = match call["retried_by"]["call_id"].as_str() {
            Some(id) => client.get(&format!("/chat/calls/{id}")).await.expect(200)["state"].clone(),
            None => Value::Null,
        };
        let expected = (decision == "retry").then_some("succeeded");
        assert_eq!(retried.as_str(), expected, "{call}");
        let again = json!({"decision": "retry"});
        let again = client.post(&path(&call["call_id"]), again).await;
        assert_eq!(again.expect(409)["code"], "already_decided");
    }

    let made = kept.witness.entries().len();
    let left = unknown(client).await;
    assert_eq!(left.len(), 1, "{left:?}");
    let call = first_call(client, UNDECIDED).await;
    assert_eq!(left[0]["call_id"], call["call_id"]);
    let retry = json!({"decision": "retry"});
    let decided = client
        .post(&path(&call["call_id"]), retry)
        .await
        .expect(200);
    ended(client, decided["retried_by"]["run_id"].as_str().unwrap()).await;
    let calls = kept.witness.entries().split_off(made);
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(calls[0].body, json!({"to": UNDECIDED}));

    let trusted = conversation(client, TRUSTED).await;
    assert_eq!(pays(kept, client, &trusted).await, "complete");
    let elsewhere = conversation(client, DECIDED[0].0).await;
    assert_eq!(pays(kept, client, &elsewhere).await, "awaiting_approval");
    let permission = format!("/chat/conversations/{trusted}/permissions/pay");
    client.delete(&permission).await.expect(204);
    assert_eq!(pays(kept, client, &trusted).await, "awaiting_approval");
}

/// Has `pay` called. Answers how that went; a question is withdrawn.
async fn pays(kept: &Kept, client: &Client, conversation: &str) -> String {
    let before = kept.witness.entries().len();
    let body = json!({"content": PAY, "conversation_id": conversation});
    let sent = client.send(body).await.expect(200);
    let status = sent["ai_message"]["status"].as_str().unwrap().to_owned();
    let paid = kept.witness.entries().len() - before;
    assert_eq!(paid, usize::from(status == "complete"), "{sent}");
    if status == "awaiting_approval" {
        let run = sent["run_id"].as_str().unwrap();
        let path = format!("/chat/runs/{run}/cancel");
        client.post(&path, json!({})).await.expect(200);
        ended(client, run).await;
    }
    status
}
