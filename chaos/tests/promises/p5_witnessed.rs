//! P5 at its sharpest: `SIGKILL` when a tool has acted and not yet answered. Only the record that
//! the call was about to leave keeps the next life from making it again.

use chaos::database::Kind;
use chaos::scene::Scene;
use serde_json::json;
use testkit::{Behaviour, Client, Dice, Witness};

use crate::run_ends;

async fn killed_after_the_effect(kind: Kind, trials: usize) {
    let witness = Witness::start().await;
    let url = witness.url();
    let config = format!(
        "[[tools]]\nname = \"pay\"\ndescription = \"Pays\"\nschema = {{ type = \"object\" }}\n\
         method = \"POST\"\nurl = \"{url}/pay\"\nclass = \"effectful\"\npolicy = \"allow\"\n"
    );
    let scene = Scene::new(kind, &config).await;
    let mut binary = scene.binary();
    let mut server = binary.start().await;
    let client = Client::new(&server.url);
    client.register("p5@example.org").await;
    let mut dice = Dice::new(Dice::seed());
    let mut wrong = Vec::new();
    for trial in 0..trials {
        let before = witness.entries().len();
        witness.behave(Behaviour::Hang);
        let content = format!("Pay {trial} [[script: tool=pay args={{\"n\":{trial}}} tokens=3]]");
        let send = json!({"content": content, "client_message_id": dice.uuid()});
        let answer = client.try_send_async(&send).await.unwrap().expect(202);
        witness.acted(before + 1).await;
        server.kill().await;
        // Whoever calls again is answered: what is counted is whether anybody does.
        witness.behave(Behaviour::Answer);
        server = binary.start().await;
        run_ends(&client, answer["run_id"].as_str().unwrap()).await;

        let calls = witness.entries().len() - before;
        if calls != 1 {
            wrong.push(format!("trial {trial}: the effect happened {calls} times"));
        }
        let conversation = answer["conversation_id"].as_str().unwrap();
        let messages = client.messages(conversation).await;
        let result = messages.iter().find(|m| m["message_type"] == "tool_result");
        let told = result
            .map(|m| m["tool_success"].clone())
            .unwrap_or_default();
        if told != "unknown" {
            wrong.push(format!(
                "trial {trial}: the outcome is unknown, told was {told}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!(
        "{}: {trials} calls of an effectful tool, the server killed when it had acted; each happened \
         once, and its outcome is called unknown",
        kind.name()
    );
}

#[tokio::test]
async fn sqlite() {
    killed_after_the_effect(Kind::Sqlite, 3).await;
}

#[tokio::test]
async fn postgres() {
    killed_after_the_effect(Kind::Postgres, 1).await;
}
