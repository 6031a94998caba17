//! P2 at its sharpest: the same send several times at once, again after it was answered, and again
//! after a `SIGKILL`. One message, one run, the same answer.

use chaos::database::Kind;
use chaos::scene::Scene;
use serde_json::{Value, json};
use testkit::{Client, Dice};
use tokio::task::JoinSet;

const TRIALS: usize = 5;
const AT_ONCE: usize = 5;

async fn the_same_key(kind: Kind) {
    let scene = Scene::new(kind, "").await;
    let mut binary = scene.binary();
    let mut server = binary.start().await;
    let client = Client::new(&server.url);
    client.register("p2@example.org").await;
    let mut dice = Dice::new(Dice::seed());
    let mut wrong = Vec::new();
    for trial in 0..TRIALS {
        let content = format!("Trial {trial} [[script: tokens=2]]");
        let send = json!({"content": content, "client_message_id": dice.uuid()});
        let mut lanes = JoinSet::new();
        for _ in 0..AT_ONCE {
            lanes.spawn(made(client.clone(), send.clone()));
        }
        let mut made_of_it = Vec::new();
        while let Some(answer) = lanes.join_next().await {
            made_of_it.push(answer.unwrap());
        }
        made_of_it.push(made(client.clone(), send.clone()).await);
        server.kill().await;
        server = binary.start().await;
        made_of_it.push(made(client.clone(), send.clone()).await);
        made_of_it.sort_unstable();
        made_of_it.dedup();
        if made_of_it.len() > 1 {
            wrong.push(format!("trial {trial}: {made_of_it:?}"));
        }
        let mut other = send;
        other["content"] = json!("Something else");
        let answer = client.try_send_async(&other).await.unwrap();
        if answer.status != 409 {
            wrong.push(format!(
                "trial {trial}, another body: {} {}",
                answer.status, answer.body
            ));
        }
    }
    let total = client.conversations().await.len();
    if total != TRIALS {
        wrong.push(format!("{total} conversations of {TRIALS} messages"));
    }
    assert!(
        wrong.is_empty(),
        "sending again made a second message:\n{}",
        wrong.join("\n")
    );
    println!(
        "{}: {TRIALS} messages, each sent {AT_ONCE} times at once, once more, and once more after a \
         kill: one run each; another body is refused",
        kind.name()
    );
}

/// What a send says that it made.
async fn made(client: Client, send: Value) -> [String; 3] {
    let answer = client.try_send_async(&send).await.unwrap().expect(202);
    [
        answer["conversation_id"].to_string(),
        answer["user_message"]["id"].to_string(),
        answer["run_id"].to_string(),
    ]
}

#[tokio::test]
async fn sqlite() {
    the_same_key(Kind::Sqlite).await;
}

#[tokio::test]
async fn postgres() {
    the_same_key(Kind::Postgres).await;
}
