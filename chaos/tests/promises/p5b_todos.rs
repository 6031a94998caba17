//! P5b: what a built-in tool changes is changed exactly once. `SIGKILL` at random moments while a
//! turn adds todos; afterwards there is one row for each call, and one result that tells of it.

use std::time::Duration;

use chaos::database::Kind;
use chaos::scene::Scene;
use serde_json::json;
use testkit::{Client, Dice};

use crate::run_ends;

const KILLS: usize = 2;

async fn added_under_kills(kind: Kind, trials: usize) {
    let scene = Scene::new(kind, "").await;
    let mut binary = scene.binary();
    let mut server = binary.start().await;
    let client = Client::new(&server.url);
    client.register("p5b@example.org").await;
    let seed = Dice::seed();
    let mut dice = Dice::new(seed);
    let mut wanted = Vec::new();
    let mut wrong = Vec::new();
    for trial in 0..trials {
        let titles: Vec<String> = (0..6).map(|n| format!("todo {trial}.{n}")).collect();
        let add = |n: usize| format!("tool=todo_add args={{\"title\":\"{}\"}}", titles[n]);
        let steps: Vec<String> = (0..3)
            .map(|step| format!("delay_ms=10 {} {}", add(2 * step), add(2 * step + 1)))
            .collect();
        let content = format!("Add [[script: {} then tokens=3]]", steps.join(" then "));
        let send = json!({"content": content, "client_message_id": dice.uuid()});
        let sent = client.try_send_async(&send).await.unwrap().expect(202);
        for _ in 0..KILLS {
            tokio::time::sleep(Duration::from_millis(dice.within(0..120))).await;
            server.kill().await;
            server = binary.start().await;
        }
        run_ends(&client, sent["run_id"].as_str().unwrap()).await;
        let conversation = sent["conversation_id"].as_str().unwrap();
        let messages = client.messages(conversation).await;
        let results = messages
            .iter()
            .filter(|m| m["message_type"] == "tool_result" && m["tool_success"] == "true");
        let told: Vec<String> = results
            .map(|m| {
                m["additional_data"]["result"]["title"]
                    .as_str()
                    .unwrap_or("?")
                    .to_owned()
            })
            .collect();
        if told != titles {
            wrong.push(format!(
                "trial {trial}: asked for {titles:?}, told of {told:?}"
            ));
        }
        wanted.extend(titles);
    }
    let listed = client.get("/todos").await.expect(200);
    let rows = listed["todos"].as_array().unwrap().iter();
    let mut rows: Vec<&str> = rows.map(|todo| todo["title"].as_str().unwrap()).collect();
    rows.sort_unstable();
    if rows != wanted {
        wrong.push(format!("rows {rows:?}, calls {wanted:?}"));
    }
    assert!(wrong.is_empty(), "seed {seed}: {}", wrong.join("\n"));
    println!(
        "{}: {} calls under {} kills, {} rows; seed {seed}",
        kind.name(),
        wanted.len(),
        trials * KILLS,
        rows.len()
    );
}

#[tokio::test]
async fn sqlite() {
    added_under_kills(Kind::Sqlite, 8).await;
}

#[tokio::test]
async fn postgres() {
    added_under_kills(Kind::Postgres, 2).await;
}
