//! P1 at its sharpest: `SIGKILL` on the heels of the acknowledgement, before the server can do
//! anything more for the message.

use chaos::database::Kind;
use chaos::scene::Scene;
use serde_json::json;
use testkit::{Client, Dice};

const TRIALS: usize = 10;

async fn killed_after_the_acknowledgement(kind: Kind) {
    let scene = Scene::new(kind, "").await;
    let mut binary = scene.binary();
    let mut server = binary.start().await;
    let client = Client::new(&server.url);
    client.register("p1@example.org").await;
    let mut dice = Dice::new(Dice::seed());
    let mut lost = Vec::new();
    for trial in 0..TRIALS {
        let content = format!("Trial {trial} [[script: tokens=2]]");
        let send = json!({"content": content, "client_message_id": dice.uuid()});
        let answer = client.try_send_async(&send).await.unwrap().expect(202);
        server.kill().await;
        server = binary.start().await;
        let conversation = answer["conversation_id"].as_str().unwrap();
        let path = format!("/chat/conversations/{conversation}/messages");
        let stored = client.get(&path).await;
        if stored.body[0]["content"] != content.as_str() {
            lost.push(format!("{content}: {} {}", stored.status, stored.body));
        }
    }
    assert!(
        lost.is_empty(),
        "{} of {TRIALS} acknowledged messages are lost:\n{}",
        lost.len(),
        lost.join("\n")
    );
    println!(
        "{}: {TRIALS} messages, the server killed as each was acknowledged; all are stored",
        kind.name()
    );
}

#[tokio::test]
async fn sqlite() {
    killed_after_the_acknowledgement(Kind::Sqlite).await;
}

#[tokio::test]
async fn postgres() {
    killed_after_the_acknowledgement(Kind::Postgres).await;
}
