//! P6: two tabs never interleave a conversation. Two to sixteen clients of one account send into one
//! conversation at the same moment, again and again, across a kill; a socket reads along. In the end
//! the messages are one path, and every answer holds its own words only. `REJOINDER_SEED` repeats it.

use std::sync::Arc;
use std::time::Duration;

use chaos::history::{self, Expected, Message, Recorder, State};
use chaos::reader::{self, Address};
use chaos::sender::{Form, PAUSE, Sender, Told};
use chaos::{Kind, Node};
use serde_json::json;
use testkit::{Client, Dice};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const TABS: [usize; 4] = [2, 4, 8, 16];
/// Until every client has heard yes to everything.
const PATIENCE: Duration = Duration::from_secs(240);
const RUNS_END: Duration = Duration::from_secs(30);

/// Words that belong to one message.
fn message(conversation: &str, key: String, tab: usize, round: usize) -> Message {
    let words: Vec<String> = (0..12).map(|n| format!("t{tab}r{round}w{n}")).collect();
    let text = words.join(" ");
    Message {
        key,
        content: format!("{tab}.{round} [[script: text=\"{text}\" delay_ms=4]]"),
        conversation: Some(conversation.to_owned()),
        expect: Expected {
            answers: vec![text],
            ..Expected::default()
        },
    }
}

async fn tab(
    number: usize,
    rounds: usize,
    mut dice: Dice,
    sender: Sender,
    meet: Arc<Barrier>,
    to: String,
) {
    for round in 0..rounds {
        let message = message(&to, dice.uuid().to_string(), number, round);
        let form = Form::any(&mut dice);
        meet.wait().await;
        while !matches!(sender.attempt(&message, form).await, Told::Yes(_)) {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn tabs(kind: Kind) {
    let seed = Dice::seed();
    println!("{}: seed {seed}", kind.name());
    let mut dice = Dice::new(seed);
    let mut node = Node::start(kind).await;
    let recorder = Recorder::create(&node.folder().join("history.jsonl"));
    let mut emails = Vec::new();
    for count in TABS {
        let email = format!("tabs{count}@example.org");
        let client = node.user(&email).await;
        let made = client.post("/chat/conversations", json!({})).await;
        let to = made.expect(201)["conversation_id"]
            .as_str()
            .unwrap()
            .to_owned();
        // So many messages in each conversation, or a little more.
        let rounds = 16_usize.div_ceil(count).max(2);
        let beginning = reader::end(&client).await;
        let address = Address::fixed(&client);
        let watched = vec![to.clone()];
        let reading = reader::follow(address, beginning, watched, count * rounds);
        let mut following = JoinSet::new();
        following.spawn(reading);
        let meet = Arc::new(Barrier::new(count));
        let mut clients = JoinSet::new();
        for number in 0..count {
            let sender = Sender {
                // A connection of its own, as another tab has.
                client: Client::new(node.url()),
                email: email.clone(),
                recorder: recorder.clone(),
                stop: CancellationToken::new(),
            };
            sender.client.set_token(client.token());
            let (meet, to) = (meet.clone(), to.clone());
            clients.spawn(tab(number, rounds, dice.split(), sender, meet, to));
        }
        let limit = Duration::from_secs(5);
        recorder.observed(dice.within(1..200), limit).await;
        node.kill().await;
        let all = tokio::time::timeout(PATIENCE, clients.join_all()).await;
        all.unwrap_or_else(|_| panic!("not all heard yes: {}", recorder.tail()));
        node.database.runs_end(RUNS_END).await.unwrap();
        let page = client.messages(&to).await;
        let parents: Vec<_> = page.iter().map(|m| m["parent_id"].as_i64()).collect();
        let before = page.iter().map(|m| m["id"].as_i64());
        let path: Vec<_> = [None].into_iter().chain(before).take(page.len()).collect();
        assert_eq!(parents, path, "{count} tabs: not one path");

        // What was read live, byte for byte, is what is there.
        let reading = following.join_next().await.unwrap().unwrap();
        assert_eq!(reading.broken, Vec::<String>::new(), "{count} tabs");
        let answers = page.iter().filter(|m| m["role"] == "assistant");
        for answer in answers {
            let key = (
                answer["id"].as_i64().unwrap(),
                answer["revision"].as_i64().unwrap(),
            );
            assert_eq!(reading.texts[&key], answer["content"].as_str().unwrap());
        }
        recorder.seen(&email, 0, &reading.read);
        emails.push(email);
    }
    let state = State::collect(node.url(), &emails, &node.database).await;
    let verdict = history::check(&recorder.lines(), &state);
    assert_eq!(verdict.broken, Vec::<String>::new());
    // Also among the messages that no path shows.
    assert_eq!(node.database.forks().await, Vec::<String>::new());
    node.stop().await.unwrap();
    assert_eq!(node.database.damage().await, Vec::<String>::new());
    println!("{}: {TABS:?} tabs, a kill each; {verdict}", kind.name());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    tabs(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    tabs(Kind::Postgres).await;
}
