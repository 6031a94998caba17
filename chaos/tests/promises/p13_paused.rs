//! P13, a paused node does no harm: `SIGSTOP` in the middle of an answer, beyond the lease; another
//! node takes the run over; then the first one wakes up with the rest of its model's answer at hand.

use std::time::Duration;

use chaos::database::Kind;
use chaos::scene::{Scene, revisions};
use serde_json::json;
use testkit::scripted::Ended;
use testkit::{Client, Dice, ScriptedModel, scripted_text};
use tokio::time::timeout;

use crate::run_ends;

/// The lease, and the time after which other nodes look for what was left.
const TAKEN_OVER: Duration = Duration::from_secs(40);
const TOKENS: usize = 40;

#[tokio::test]
async fn postgres() {
    let scene = Scene::new(Kind::Postgres, "").await;
    let other_model = ScriptedModel::start().await;
    let secret = "3f9a0c5be1774d2886b0e92d5c14a7f03f9a0c5be1774d2886b0e92d5c14a7f0";
    let mut first = scene.binary().env("REJOINDER_SECRET_KEY", secret);
    let mut second = scene
        .node("second", &other_model)
        .env("REJOINDER_SECRET_KEY", secret);
    let first = first.start().await;
    let client = Client::new(&first.url);
    client.register("p13@example.org").await;

    let mut dice = Dice::new(Dice::seed());
    let content = format!("Go on [[script: tokens={TOKENS} gate=half@20]]");
    let send = json!({"content": content, "client_message_id": dice.uuid()});
    let mut socket = client.socket(None, &[]).await;
    socket.send("message", None, send).await;
    let ack = socket.frame("ack").await;
    let conversation = ack["data"]["conversation_id"].as_str().unwrap().to_owned();
    let run = ack["data"]["run_id"].as_str().unwrap().to_owned();
    socket.until(|frame| says(frame, 19)).await;
    let cursor = socket.cut().unwrap();

    first.pause().await;
    let second = second.start().await;
    let client = Client::new(&second.url);
    client.login("p13@example.org").await;
    let mut socket = client.socket(Some(&cursor), &[&conversation]).await;
    let taken_over = socket.until(|frame| frame["data"]["revision"] == 2 && says(frame, 19));
    let taken_over = timeout(TAKEN_OVER, taken_over).await.unwrap();
    let message = taken_over["data"]["message_id"].as_i64().unwrap();
    // All that its model still has to say lies ready when the first one wakes up.
    scene.model.gate("half").open();
    scene
        .model
        .until(|records| records[0].ended != Ended::Running)
        .await;
    first.resume().await;
    // It has nothing to hand back, so it leaves when its driver has.
    let exit = first.terminate().await;
    assert!(exit.success(), "{exit}");

    let mut harm = Vec::new();
    let found = client.get(&format!("/chat/runs/{run}")).await.expect(200);
    if found["state"] != "running" {
        harm.push(format!("the run is not its new owner's any more: {found}"));
    }
    other_model.gate("half").open();
    run_ends(&client, &run).await;
    let late = scene.database.late_deltas().await;
    if !late.is_empty() {
        harm.push(format!(
            "text of the old fence behind the new one's: {late:?}"
        ));
    }
    let texts = revisions(&client, &conversation, message).await;
    let expected = [scripted_text(20), scripted_text(TOKENS)];
    if texts != expected {
        harm.push(format!("the texts are {texts:?}"));
    }
    assert!(
        harm.is_empty(),
        "a late write was let in:\n{}",
        harm.join("\n")
    );
    println!(
        "postgres: paused beyond its lease, a node wrote nothing more of the run that it lost"
    );
}

/// The delta that ends in this token.
fn says(frame: &serde_json::Value, token: usize) -> bool {
    let text = frame["data"]["text"].as_str().unwrap_or_default();
    frame["type"] == "delta" && text.ends_with(&format!("tok{token}"))
}
