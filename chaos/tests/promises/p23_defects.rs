//! P23, of defects of our own: a run whose records the database will not take buys its answer five
//! times and no more, and then fails where its user sees it. Where even the end is refused, the server
//! tries that again until it is taken, and everybody else is served meanwhile.

use std::time::Duration;

use chaos::database::Kind;
use chaos::rig::{self, Rig, poll};
use serde_json::{Value, json};

/// Also how often a run is taken over after a crash.
const ATTEMPTS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(60);
/// More tries than a lease is long.
const TRIES: usize = 5;
/// Recorded as a step, which the database refuses.
const CONTENT: &str =
    "add milk [[script: before=2 tool=todo_add args={\"title\":\"milk\"} tokens=3]]";
const DETAIL: &str = "The server made an error while working on this answer. Try again; the log says \
                      more.";

/// What its user is shown.
fn failed(message: &Value) {
    assert_eq!(message["status"], "failed", "{message}");
    assert_eq!(message["content"], "tok0 tok1", "what was said stays");
    let error = json!({"code": "internal", "detail": DETAIL, "retryable": true});
    assert_eq!(message["additional_data"]["error"], error);
}

async fn gives_up(kind: Kind) {
    let mut rig = Rig::new(kind, "").await;
    let server = rig.start().await;
    let client = rig::user(&server, "p23d").await;
    rig.database.refuse("INSERT", "steps", "").await;
    let sent = client.send(json!({ "content": CONTENT })).await.expect(200);
    failed(&sent["ai_message"]);
    assert_eq!(rig.model.answers().len(), ATTEMPTS, "answers were bought");
    let run = format!("/chat/runs/{}", sent["run_id"].as_str().unwrap());
    assert_eq!(client.get(&run).await.expect(200)["state"], "failed");
    let todos = client.get("/todos").await.expect(200);
    assert_eq!(todos["todos"], json!([]));

    rig.database.allow("steps").await;
    let id = sent["conversation_id"].as_str().unwrap();
    let message = &sent["ai_message"]["id"];
    let path = format!("/chat/conversations/{id}/messages/{message}/regenerate");
    let again = client.post(&path, json!({})).await.expect(202);
    rig.runs_end(PATIENCE).await;
    let run = format!("/chat/runs/{}", again["run_id"].as_str().unwrap());
    assert_eq!(client.get(&run).await.expect(200)["state"], "completed");
    let todos = client.get("/todos").await.expect(200);
    assert_eq!(todos["todos"].as_array().unwrap().len(), 1);
    rig.finish(server).await;
    println!(
        "{}: gave up after {ATTEMPTS} answers, and said so",
        kind.name()
    );
}

async fn tries_to_give_up(kind: Kind) {
    let mut rig = Rig::new(kind, "").await;
    let server = rig.start().await;
    let client = rig::user(&server, "p23e").await;
    rig.database.refuse("INSERT", "steps", "").await;
    rig.database
        .refuse("UPDATE", "runs", "NEW.state = 'failed'")
        .await;
    let conversation = rig::conversation(&client).await;
    let run = rig::send(&client, &conversation, CONTENT).await;
    let run = format!("/chat/runs/{run}");
    poll("the end is tried again and again", PATIENCE, async || {
        let tried = rig
            .binary
            .log()
            .matches("a broken run could not be ended")
            .count();
        (tried >= TRIES).then_some(())
    })
    .await;
    assert_eq!(client.get(&run).await.expect(200)["state"], "running");
    assert_eq!(rig.model.answers().len(), ATTEMPTS, "answers were bought");
    let beside = client
        .send(json!({"content": "[[script: tokens=2]]"}))
        .await
        .expect(200);
    assert_eq!(beside["ai_message"]["status"], "complete");

    rig.database.allow("runs").await;
    poll("its end", PATIENCE, async || {
        (client.get(&run).await.expect(200)["state"] == "failed").then_some(())
    })
    .await;
    failed(&rig::newest(&client, &conversation).await);
    assert_eq!(
        rig.model.answers().len(),
        ATTEMPTS + 1,
        "answers were bought"
    );
    rig.database.allow("steps").await;
    let next = json!({"content": "[[script: tokens=2]]", "conversation_id": conversation});
    let next = client.send(next).await.expect(200);
    assert_eq!(next["ai_message"]["status"], "complete");
    rig.finish(server).await;
    println!(
        "{}: a refused end was tried {TRIES} times and more, and taken",
        kind.name()
    );
}

#[tokio::test]
async fn sqlite() {
    gives_up(Kind::Sqlite).await;
}

#[tokio::test]
async fn postgres() {
    gives_up(Kind::Postgres).await;
}

#[tokio::test]
async fn sqlite_refuses_the_end() {
    tries_to_give_up(Kind::Sqlite).await;
}

#[tokio::test]
async fn postgres_refuses_the_end() {
    tries_to_give_up(Kind::Postgres).await;
}
