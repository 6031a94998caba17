//! P3 at its sharpest: `SIGKILL` as soon as somebody has seen a token. What was seen stays readable,
//! and the feed goes on behind it. The next life's model says something else, so that nobody takes
//! its words for those that were seen.

use std::time::Duration;

use chaos::database::Kind;
use chaos::scene::{Scene, revisions};
use serde_json::json;
use testkit::scripted::Script;
use testkit::{Client, Dice, Incoming, Socket, Transcript};
use tokio::time::timeout;

/// Also where a dead node's lease must run out first.
const RUN_ENDS: Duration = Duration::from_secs(30);

async fn killed_after_a_token(kind: Kind, trials: usize) {
    let scene = Scene::new(kind, "").await;
    let mut binary = scene.binary();
    let mut server = binary.start().await;
    let client = Client::new(&server.url);
    client.register("p3@example.org").await;
    let mut dice = Dice::new(Dice::seed());
    let mut gone = Vec::new();
    for trial in 0..trials {
        let until = dice.within(1..30);
        scene.model.script("scripted", words("before", trial));
        let mut socket = client.socket(None, &[]).await;
        let send = json!({"content": format!("Trial {trial}"), "client_message_id": dice.uuid()});
        socket.send("message", None, send).await;
        let ack = socket.frame("ack").await;
        let conversation = ack["data"]["conversation_id"].as_str().unwrap().to_owned();

        let mut read = Transcript::default();
        let token = format!("before.{trial}.{until} ");
        let delta = loop {
            let frame = socket.until(|_| true).await;
            read.take(&frame).unwrap();
            let text = frame["data"]["text"].as_str().unwrap_or_default();
            if frame["type"] == "delta" && text.contains(&token) {
                break frame;
            }
        };
        let message = delta["data"]["message_id"].as_i64().unwrap();
        let seen = read.messages[&message].text.clone();
        let cursor = socket.cut().unwrap();
        server.kill().await;
        scene.model.script("scripted", words("after", trial));
        server = binary.start().await;

        let mut resumed = client.socket(Some(&cursor), &[&conversation]).await;
        match timeout(RUN_ENDS, to_the_end(&mut resumed, &mut read)).await {
            Ok(Ok(())) => {}
            Ok(Err(what)) => gone.push(format!("trial {trial}: {what}")),
            Err(_) => gone.push(format!("trial {trial}: the run does not end")),
        }
        let texts = revisions(&client, &conversation, message).await;
        if !texts.iter().any(|text| text.starts_with(&seen)) {
            gone.push(format!("trial {trial}: {seen:?} is in none of {texts:?}"));
        }
    }
    assert!(
        gone.is_empty(),
        "what was seen is gone, {} times in {trials} trials:\n{}",
        gone.len(),
        gone.join("\n")
    );
    println!(
        "{}: {trials} answers, the server killed as a token was seen; all of it stayed readable, and \
         the feed went on behind it",
        kind.name()
    );
}

fn words(life: &str, trial: usize) -> Script {
    let text: String = (0..40).map(|n| format!("{life}.{trial}.{n} ")).collect();
    Script::parse(&format!("delay_ms=10 text={}", json!(text))).unwrap()
}

/// Reads until the run is over.
async fn to_the_end(socket: &mut Socket, read: &mut Transcript) -> Result<(), String> {
    loop {
        match socket.next().await {
            Incoming::Frame(frame) => {
                if frame["type"] == "reset" {
                    return Err(format!("the cursor is unknown: {frame}"));
                }
                read.take(&frame)?;
                if frame["type"] == "run" && frame["data"]["state"] == "completed" {
                    return Ok(());
                }
            }
            Incoming::Closed(why) => return Err(format!("closed: {why:?}")),
        }
    }
}

#[tokio::test]
async fn sqlite() {
    killed_after_a_token(Kind::Sqlite, 3).await;
}

#[tokio::test]
async fn postgres() {
    killed_after_a_token(Kind::Postgres, 2).await;
}
