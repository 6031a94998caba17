//! P5, the user's part: a call that nobody knows about is shown, and tried again it is made exactly
//! once more, whatever dies meanwhile. Each trial kills the server twice: when a call has acted and
//! not answered, and (odd trials) when its retry has, or (even ones) on the heels of the word
//! *try again*, at a random moment.

use std::time::Duration;

use chaos::database::Kind;
use chaos::scene::Scene;
use serde_json::{Value, json};
use testkit::{Behaviour, Client, Dice, Witness};

use crate::run_ends;

async fn tried_again_under_kills(kind: Kind, trials: usize) {
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
    let seed = Dice::seed();
    let mut dice = Dice::new(seed);
    let (mut wrong, mut calls) = (Vec::new(), 0);
    for trial in 0..trials {
        let before = witness.entries().len();
        let happened = || witness.entries().len() - before;
        witness.behave(Behaviour::Hang);
        let content = format!("Pay {trial} [[script: tool=pay args={{\"n\":{trial}}} tokens=3]]");
        let send = json!({"content": content, "client_message_id": dice.uuid()});
        let sent = client.try_send_async(&send).await.unwrap().expect(202);
        witness.acted(before + 1).await;
        server.kill().await;
        witness.behave(Behaviour::Answer);
        server = binary.start().await;
        run_ends(&client, sent["run_id"].as_str().unwrap()).await;
        let first = shown(&client).await;
        let conversation = first["conversation_id"].as_str().unwrap().to_owned();
        assert_eq!(sent["conversation_id"], conversation.as_str());
        if happened() != 1 {
            wrong.push(format!("trial {trial}: {} before the retry", happened()));
        }

        let path = format!("/chat/calls/{}", first["call_id"].as_str().unwrap());
        let again = json!({"decision": "retry"});
        if trial % 2 == 1 {
            witness.behave(Behaviour::Hang);
            client.post(&path, again.clone()).await.expect(200);
            witness.acted(before + 2).await;
            server.kill().await;
            witness.behave(Behaviour::Answer);
        } else {
            // Its answer may be lost with the server.
            let asked = client.try_post(&path, &again);
            let moment = tokio::time::sleep(Duration::from_millis(dice.within(0..25)));
            let _ = tokio::join!(asked, async {
                moment.await;
                server.kill().await;
            });
        }
        server = binary.start().await;
        // Nobody knows whether the word was heard: it is said again, on four devices.
        let say = || client.post(&path, again.clone());
        let (a, b, c, d) = tokio::join!(say(), say(), say(), say());
        for word in [a, b, c, d] {
            let heard = word.status == 200 || word.code() == "already_decided";
            if !heard {
                wrong.push(format!("trial {trial}: {} {}", word.status, word.body));
            }
        }
        let decided = client.get(&path).await.expect(200);
        let retry = &decided["retried_by"];
        run_ends(&client, retry["run_id"].as_str().unwrap()).await;
        let retry = format!("/chat/calls/{}", retry["call_id"].as_str().unwrap());
        let retry = client.get(&retry).await.expect(200);
        // At most once more; made for certain where it is said to have succeeded, and where the
        // server died with the effect, nobody repeated it.
        let state = retry["state"].as_str().unwrap();
        let (least, states): (usize, &[&str]) = match trial % 2 {
            1 => (2, &["unknown"]),
            _ => (1, &["unknown", "succeeded"]),
        };
        let most = 2;
        let least = if state == "succeeded" { 2 } else { least };
        if !states.contains(&state) || !(least..=most).contains(&happened()) {
            wrong.push(format!("trial {trial}: {state}, made {} times", happened()));
        }
        if state == "unknown" {
            let made = happened();
            let path = format!("/chat/calls/{}", retry["call_id"].as_str().unwrap());
            assert_eq!(shown(&client).await["call_id"], retry["call_id"]);
            let decided = client.post(&path, again).await.expect(200);
            run_ends(&client, decided["retried_by"]["run_id"].as_str().unwrap()).await;
            if happened() != made + 1 {
                let more = happened() - made;
                wrong.push(format!("trial {trial}: a retry in peace made {more} calls"));
            }
        }
        calls += happened();
        wrong.extend(whole(&client, &conversation).await);
    }
    assert!(wrong.is_empty(), "seed {seed}: {}", wrong.join("\n"));
    println!(
        "{}: {trials} unknown calls tried again under kills, {calls} calls at the witness; seed {seed}",
        kind.name()
    );
}

/// The one call whose outcome is unknown and undecided.
async fn shown(client: &Client) -> Value {
    let mut listed = client.get("/chat/calls?state=unknown").await.expect(200);
    let calls = listed["calls"].as_array_mut().unwrap();
    assert_eq!(calls.len(), 1, "{calls:?}");
    calls.remove(0)
}

/// Every call has one result, nothing is left open, and the next turn works.
async fn whole(client: &Client, conversation: &str) -> Vec<String> {
    let next = json!({"content": "And now? [[script: tokens=1]]", "conversation_id": conversation});
    let next = client.send(next).await.expect(200);
    let mut wrong = Vec::new();
    if next["ai_message"]["status"] != "complete" {
        wrong.push(format!("the next turn: {next}"));
    }
    let messages = client.messages(conversation).await;
    let about = |kind: &str| -> Vec<String> {
        let of_kind = messages.iter().filter(|m| m["message_type"] == kind);
        of_kind
            .map(|m| m["additional_data"]["call_id"].to_string())
            .collect()
    };
    if about("tool_call") != about("tool_result") {
        wrong.push(format!("calls and results: {messages:?}"));
    }
    wrong
}

#[tokio::test]
async fn sqlite() {
    tried_again_under_kills(Kind::Sqlite, 6).await;
}

#[tokio::test]
async fn postgres() {
    tried_again_under_kills(Kind::Postgres, 2).await;
}
