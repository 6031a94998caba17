//! P1 of messages that wait their turn: a queue of three, changed while it waits, outlives `SIGKILL`
//! while it waits and in the middle of each answer, in its order and with its words. And an
//! interruption that was acknowledged has happened, though nobody was told of it any more.

use chaos::database::Kind;
use chaos::scene::Scene;
use serde_json::{Value, json};
use testkit::{Client, Dice, scripted_text};

use crate::run_ends;

/// Tokens before the gate, and in all.
const HELD_AT: usize = 2;
const TOKENS: usize = 5;

fn script(gate: &str) -> String {
    format!("[[script: tokens={TOKENS} gate={gate}@{HELD_AT}]]")
}

async fn send(client: &Client, dice: &mut Dice, body: Value) -> Value {
    let mut body = body;
    body["client_message_id"] = json!(dice.uuid());
    client.try_send_async(&body).await.unwrap().expect(202)
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap().to_owned()
}

async fn a_queue_of_three(kind: Kind) {
    let scene = Scene::new(kind, "").await;
    let gate = |name: &str| scene.model.gate(name);
    let mut binary = scene.binary();
    let mut server = binary.start().await;
    let client = Client::new(&server.url);
    client.register("p1q@example.org").await;
    let mut dice = Dice::new(Dice::seed());

    let first = format!("q0 {}", script("q0"));
    let active = send(&client, &mut dice, json!({ "content": first })).await;
    let conversation = text(&active, "conversation_id");
    gate("q0").reached(1).await;
    let mut contents = vec![first];
    let mut runs = vec![text(&active, "run_id")];
    for n in 1..=3 {
        let content = format!("q{n} {}", script(&format!("q{n}")));
        let body = json!({
            "content": content, "conversation_id": conversation, "on_busy": "enqueue",
        });
        let sent = send(&client, &mut dice, body).await;
        runs.push(text(&sent, "run_id"));
        contents.push(content);
    }
    let listed = client.messages(&conversation).await;
    contents[2] = format!("q2, changed {}", script("q2"));
    let path = format!("/chat/conversations/{conversation}/messages");
    let second = format!("{path}/{}", listed[3]["id"]);
    let changed = client
        .patch(&second, json!({ "content": contents[2] }))
        .await;
    changed.expect(200);
    let waiting = client.messages(&conversation).await[2..].to_vec();

    // While they wait, and in the middle of the answer to each of them.
    for (n, run) in runs.iter().enumerate() {
        let name = format!("q{n}");
        gate(&name).reached(1).await;
        server.kill().await;
        server = binary.start().await;
        if n == 0 {
            assert_eq!(
                client.messages(&conversation).await[2..],
                waiting,
                "the queue"
            );
        }
        gate(&name).reached(2).await;
        gate(&name).open();
        run_ends(&client, run).await;
    }

    let all = client.messages(&conversation).await;
    let said: Vec<_> = all.iter().map(|m| text(m, "content")).collect();
    let answer = scripted_text(TOKENS);
    let expected: Vec<_> = contents
        .iter()
        .flat_map(|content| [content.clone(), answer.clone()])
        .collect();
    assert_eq!(said, expected);
    for pair in all.windows(2) {
        assert_eq!(pair[1]["parent_id"], pair[0]["id"], "one branch");
    }
    let asked = waiting.iter().map(|m| &m["id"]);
    assert!(
        asked.eq(all[2..].iter().step_by(2).map(|m| &m["id"])),
        "ids"
    );

    // The server dies on the heels of the acknowledgement of an interruption.
    let long = json!({ "content": script("long"), "conversation_id": conversation });
    let interrupted = send(&client, &mut dice, long).await;
    gate("long").reached(1).await;
    let body = json!({
        "content": "[[script: tokens=1]]", "conversation_id": conversation,
        "on_busy": "interrupt",
    });
    let sent = send(&client, &mut dice, body).await;
    server.kill().await;
    let _server = binary.start().await;
    run_ends(&client, &text(&sent, "run_id")).await;
    let run = text(&interrupted, "run_id");
    let ended = client.get(&format!("/chat/runs/{run}")).await.expect(200);
    assert_eq!(ended["state"], "cancelled");
    let all = client.messages(&conversation).await;
    let ends: Vec<_> = all[all.len() - 4..]
        .iter()
        .map(|m| text(m, "status"))
        .collect();
    assert_eq!(ends, ["complete", "interrupted", "complete", "complete"]);
    assert_eq!(text(&all[all.len() - 1], "content"), scripted_text(1));
    assert_eq!(
        gate("long").arrivals(),
        1,
        "nobody went on with what was interrupted"
    );
    println!(
        "{}: a queue of three, one of them changed, through 4 kills; an interruption through one",
        kind.name()
    );
}

#[tokio::test]
async fn sqlite() {
    a_queue_of_three(Kind::Sqlite).await;
}

#[tokio::test]
async fn postgres() {
    a_queue_of_three(Kind::Postgres).await;
}
