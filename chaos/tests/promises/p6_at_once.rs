//! P6 at its sharpest: several tabs send into one conversation at the same moment. One of them is
//! answered, the others are told so, and nothing of theirs is on the branch.

use std::sync::Arc;

use chaos::database::Kind;
use chaos::scene::Scene;
use serde_json::json;
use testkit::{Client, Dice, scripted_text};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::run_ends;

const TABS: usize = 8;
const TRIALS: usize = 3;

async fn tabs_at_once(kind: Kind) {
    let scene = Scene::new(kind, "").await;
    let server = scene.binary().start().await;
    let client = Client::new(&server.url);
    client.register("p6@example.org").await;
    let mut dice = Dice::new(Dice::seed());
    let mut wrong = Vec::new();
    for trial in 0..TRIALS {
        let created = client
            .post("/chat/conversations", json!({}))
            .await
            .expect(201);
        let conversation = created["conversation_id"].as_str().unwrap().to_owned();
        let barrier = Arc::new(Barrier::new(TABS));
        let mut tabs = JoinSet::new();
        for tab in 0..TABS {
            let send = json!({
                "content": format!("Tab {tab} [[script: tokens=10 gate=held{trial}@5]]"),
                "client_message_id": dice.uuid(),
                "conversation_id": conversation,
            });
            let (client, barrier) = (client.clone(), barrier.clone());
            tabs.spawn(async move {
                barrier.wait().await;
                client.try_send_async(&send).await.unwrap()
            });
        }
        let mut accepted = Vec::new();
        while let Some(answer) = tabs.join_next().await {
            let answer = answer.unwrap();
            match (answer.status.as_u16(), answer.code()) {
                (202, _) => accepted.push(answer.body["run_id"].as_str().unwrap().to_owned()),
                (409, "run_active") => {}
                _ => wrong.push(format!("{} {}", answer.status, answer.body)),
            }
        }
        let running = accepted.len();
        // Whoever was accepted is being answered, beside the others.
        scene
            .model
            .gate(&format!("held{trial}"))
            .reached(running as u64)
            .await;
        if running != 1 {
            wrong.push(format!(
                "trial {trial}: {running} answers at once in one conversation"
            ));
        }
        scene.model.gate(&format!("held{trial}")).open();
        for run in &accepted {
            run_ends(&client, run).await;
        }
        let messages = client.messages(&conversation).await;
        let roles: Vec<_> = messages
            .iter()
            .map(|m| m["role"].as_str().unwrap())
            .collect();
        if roles != ["user", "assistant"] || messages[1]["content"] != scripted_text(10).as_str() {
            wrong.push(format!("trial {trial}: the branch is {messages:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!(
        "{}: {TABS} tabs sent at once, {TRIALS} times; one was answered, the others were refused",
        kind.name()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    tabs_at_once(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    tabs_at_once(Kind::Postgres).await;
}
