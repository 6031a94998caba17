//! P2: sending again never makes a second message. Every message is sent one to five times at once, in
//! any of the four forms, under kills; then everything once more in each form, and once with another
//! body. `REJOINDER_SEED` repeats a run.

use std::time::Duration;

use chaos::history::{self, Expected, Message, Recorder, State};
use chaos::sender::{Form, PAUSE, Sender, Told};
use chaos::{Kind, Node};
use testkit::{Dice, scripted_text};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const CLIENTS: u64 = 6;
const MESSAGES: u64 = 8;
const KILLS: u64 = 4;
/// Until every client has heard yes to everything.
const PATIENCE: Duration = Duration::from_secs(240);
const RUNS_END: Duration = Duration::from_secs(30);

/// Until the server says yes: another answer than "later" is written down as broken.
async fn until_yes(sender: Sender, message: Message, form: Form) -> String {
    loop {
        if let Told::Yes(yes) = sender.attempt(&message, form).await {
            return yes.conversation;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Answers all that was sent: every second message makes its own conversation.
async fn client(number: u64, mut dice: Dice, sender: Sender) -> Vec<(Sender, Message)> {
    let mut sent = Vec::new();
    let mut conversation = None;
    for place in 0..MESSAGES {
        let tokens = dice.within(1..30) as usize;
        let message = Message {
            key: dice.uuid().to_string(),
            content: format!("{number}.{place} [[script: tokens={tokens} delay_ms=5]]"),
            conversation: conversation.take(),
            expect: Expected {
                answers: vec![scripted_text(tokens)],
                ..Expected::default()
            },
        };
        let mut copies = JoinSet::new();
        for _ in 0..dice.within(1..6) {
            let form = Form::any(&mut dice);
            copies.spawn(until_yes(sender.clone(), message.clone(), form));
        }
        let places = copies.join_all().await;
        if place % 2 == 0 {
            conversation = places.into_iter().next();
        }
        sent.push((sender.clone(), message));
    }
    sent
}

async fn repeats(kind: Kind) {
    let seed = Dice::seed();
    println!("{}: seed {seed}", kind.name());
    let mut dice = Dice::new(seed);
    let mut node = Node::start(kind).await;
    let recorder = Recorder::create(&node.folder().join("history.jsonl"));
    let mut emails = Vec::new();
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let email = format!("client{number}@example.org");
        let sender = Sender {
            client: node.user(&email).await,
            email: email.clone(),
            recorder: recorder.clone(),
            stop: CancellationToken::new(),
        };
        emails.push(email);
        clients.spawn(client(number, dice.split(), sender));
    }
    for _ in 0..KILLS {
        let limit = Duration::from_secs(2);
        recorder.observed(dice.within(0..200), limit).await;
        node.kill().await;
    }
    let all = tokio::time::timeout(PATIENCE, clients.join_all()).await;
    let sent = all.unwrap_or_else(|_| panic!("not all heard yes: {}", recorder.tail()));
    let sent = sent.concat();
    node.database.runs_end(RUNS_END).await.unwrap();
    let before = State::collect(node.url(), &emails, &node.database).await;

    let mut others = 0;
    for (sender, message) in sent.iter() {
        for form in Form::ALL {
            let told = sender.attempt(message, form).await;
            assert!(
                matches!(told, Told::Yes(_)),
                "{form:?}: {told:?}: {message:?}"
            );
        }
        let mut other = message.clone();
        other.content.push('!');
        let told = sender.attempt(&other, Form::any(&mut dice)).await;
        assert_eq!(told, Told::No("idempotency_key_reused".to_owned()));
        others += 1;
    }
    let after = State::collect(node.url(), &emails, &node.database).await;
    assert_eq!(after, before, "the repetitions left something");

    let verdict = history::check(&recorder.lines(), &after);
    assert_eq!(verdict.broken, Vec::<String>::new());
    assert_eq!(verdict.acknowledged as u64, CLIENTS * MESSAGES);
    // None was made and left empty by a copy that came second.
    let conversations = after.accounts.values().map(|a| a.conversations.len());
    assert_eq!(conversations.sum::<usize>() as u64, CLIENTS * MESSAGES / 2);
    node.stop().await.unwrap();
    assert_eq!(node.database.damage().await, Vec::<String>::new());
    println!(
        "{}: {KILLS} kills; {verdict}; {others} other bodies refused",
        kind.name()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    repeats(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    repeats(Kind::Postgres).await;
}
