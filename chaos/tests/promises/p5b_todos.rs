//! P5b: what a built-in tool changes is changed exactly once. `SIGKILL` at random moments while four
//! turns add todos, and again when the next life has taken them over; afterwards there is one row for
//! each call, and one result that tells of it.

use std::time::Duration;

use chaos::database::Kind;
use chaos::rig::poll;
use chaos::scene::Scene;
use serde_json::{Value, json};
use testkit::{Client, Dice};

use crate::run_ends;

const KILLS: usize = 2;
/// Turns at the same time, each in a conversation of its own.
const TURNS: usize = 4;
const CALLS: usize = 6;
/// A dead node's lease, and the looking around after that.
const TAKEN_OVER: Duration = Duration::from_secs(60);

/// Two todos in each of three steps. The words before them keep a turn going for longer than any
/// kill waits.
fn content(titles: &[String]) -> String {
    let add = |title: &String| format!("tool=todo_add args={{\"title\":\"{title}\"}}");
    let steps: Vec<String> = titles
        .chunks(2)
        .map(|two| format!("before=4 delay_ms=15 {} {}", add(&two[0]), add(&two[1])))
        .collect();
    format!("Add [[script: {} then tokens=3]]", steps.join(" then "))
}

/// Titles, in the order in which the results of a conversation tell of them.
async fn told(client: &Client, sent: &Value) -> Vec<String> {
    let conversation = sent["conversation_id"].as_str().unwrap();
    let messages = client.messages(conversation).await;
    let results = messages
        .iter()
        .filter(|m| m["message_type"] == "tool_result" && m["tool_success"] == "true");
    let title = |m: &Value| m["additional_data"]["result"]["title"].clone();
    results
        .map(|m| title(m).as_str().unwrap_or("?").to_owned())
        .collect()
}

async fn added_under_kills(kind: Kind, trials: usize) {
    let scene = Scene::new(kind, "").await;
    let mut binary = scene.binary();
    let mut server = binary.start().await;
    let client = Client::new(&server.url);
    client.register("p5b@example.org").await;
    let seed = Dice::seed();
    let mut dice = Dice::new(seed);
    let (mut wanted, mut wrong, mut struck) = (Vec::new(), Vec::new(), 0);
    for trial in 0..trials {
        let mut turns = Vec::new();
        for turn in 0..TURNS {
            let title = |n| format!("todo {trial}.{turn}.{n}");
            let titles: Vec<String> = (0..CALLS).map(title).collect();
            let send = json!({"content": content(&titles), "client_message_id": dice.uuid()});
            let sent = client.try_send_async(&send).await.unwrap().expect(202);
            turns.push((sent, titles));
        }
        let mut before = Vec::new();
        for _ in 0..KILLS {
            // A life that has not taken anything over yet has nothing to do twice.
            let taken_over = async || {
                let now = scene.database.fences().await;
                let new = now.iter().any(|run| !before.contains(run));
                (new || now.is_empty()).then_some(())
            };
            poll("the runs are taken over", TAKEN_OVER, taken_over).await;
            tokio::time::sleep(Duration::from_millis(dice.within(0..120))).await;
            server.kill().await;
            before = scene.database.fences().await;
            struck += usize::from(!before.is_empty());
            server = binary.start().await;
        }
        for (sent, titles) in turns {
            run_ends(&client, sent["run_id"].as_str().unwrap()).await;
            let told = told(&client, &sent).await;
            if told != titles {
                wrong.push(format!(
                    "trial {trial}: asked for {titles:?}, told of {told:?}"
                ));
            }
            wanted.extend(titles);
        }
    }
    let listed = client.get("/todos").await.expect(200);
    let rows = listed["todos"].as_array().unwrap().iter();
    let mut rows: Vec<&str> = rows.map(|todo| todo["title"].as_str().unwrap()).collect();
    rows.sort_unstable();
    wanted.sort_unstable();
    if rows != wanted {
        wrong.push(format!("rows {rows:?}, calls {wanted:?}"));
    }
    assert!(wrong.is_empty(), "seed {seed}: {}", wrong.join("\n"));
    // Kills that all come after the end would prove nothing.
    let kills = trials * KILLS;
    assert!(
        2 * struck >= kills,
        "{struck} of {kills} kills struck a run"
    );
    println!(
        "{}: {} calls under {kills} kills, {struck} of them while runs were open, {} rows; seed {seed}",
        kind.name(),
        wanted.len(),
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
