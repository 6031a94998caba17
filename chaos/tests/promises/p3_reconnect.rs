//! P3: whoever reconnects sees every token of a revision exactly once, in order. `REJOINDER_SEED`
//! repeats a run.

use std::sync::Arc;
use std::time::Duration;

use chaos::database::Kind;
use chaos::reading::{self, Got, Line, Reading, Via};
use chaos::rig::{self, Rig};
use serde_json::{Value, json};
use testkit::proxy::Plan;
use testkit::scripted::Gate;
use testkit::{Client, CuttingProxy, Dice, scripted_text};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const TRIALS: usize = 12;
const TOKENS: usize = 250;
/// Late joiners come before this token, however slow the machine is: the model waits for them.
const LATE: usize = 240;
/// For one run with all its readers.
const LIMIT: Duration = Duration::from_secs(180);
/// A line that stands still for longer is given up, as a client's watchdog does.
const SILENCE: Duration = Duration::from_millis(700);
/// The same of one that is stalled before it is open.
const OPENS: Duration = Duration::from_secs(5);
/// For what takes a moment, on a machine that is busy with other things.
const SOON: Duration = Duration::from_secs(60);

/// Connections cut at random bytes, 1 to 20 times a run, WebSocket and SSE in turn; beside that a
/// second tab, and somebody who joins late.
async fn cuts(kind: Kind) {
    let seed = Dice::seed();
    println!("{}: {TRIALS} runs, seed {seed}", kind.name());
    let mut dice = Dice::new(seed);
    let mut rig = Rig::new(kind, "").await;
    let server = rig.start().await;
    let mut trials = JoinSet::new();
    for number in 0..TRIALS {
        let client = rig::user(&server, &format!("reader{number}")).await;
        let name = format!("late{number}");
        let late = (name.clone(), rig.model.gate(&name));
        trials.spawn(tokio::time::timeout(
            LIMIT,
            trial(client, dice.split(), late),
        ));
    }
    let mut sums = Counted::default();
    while let Some(done) = trials.join_next().await {
        let counted = done.unwrap().expect("a trial took too long");
        sums.cuts += counted.cuts;
        sums.connections += counted.connections;
        sums.passes += counted.passes;
    }
    rig.finish(server).await;
    println!(
        "{}: {TRIALS} runs of {TOKENS} tokens; {} cuts in {} connections, {} readings from the \
         beginning, each byte once; a second tab and two late joiners each",
        kind.name(),
        sums.cuts,
        sums.connections,
        sums.passes
    );
}

#[derive(Default)]
struct Counted {
    cuts: u64,
    connections: u64,
    passes: u64,
}

async fn trial(client: Client, mut dice: Dice, (name, gate): (String, Gate)) -> Counted {
    let conversation = rig::conversation(&client).await;
    let beginning = reading::end(&client).await;
    let script = format!("[[script: tokens={TOKENS} delay_ms=8 gate={name}@{LATE}]]");
    let run = rig::send(&client, &conversation, &script).await;

    let mut others = JoinSet::new();
    let via = if dice.one_in(2) {
        Via::Socket
    } else {
        Via::Stream
    };
    let tab = Reading::since(&beginning, &conversation);
    let (tabs, of) = (client.clone(), run.clone());
    others.spawn(async move { reading::read(&tabs, via, tab, &of, LIMIT).await });
    let joined = Arc::new(Barrier::new(3));
    for via in [via, via.other()] {
        // When somebody joins is a throw of the dice.
        let wait = Duration::from_millis(dice.within(0..2_000));
        let (client, run, joined) = (client.clone(), run.clone(), joined.clone());
        let reading = Reading::late(&conversation);
        others.spawn(async move {
            tokio::time::sleep(wait).await;
            join_late(&client, via, reading, &run, &joined).await
        });
    }
    let mut opening = JoinSet::new();
    opening.spawn(async move {
        joined.wait().await;
        gate.open();
    });

    let wanted = dice.within(1..21);
    let proxy = CuttingProxy::start(rig::host(client.base())).await;
    let mut passes = 0;
    let text = scripted_text(TOKENS);
    // What is left of the cuts when the run has ended is spent on reading it again.
    while passes == 0 || proxy.cuts() < wanted {
        passes += 1;
        let reading = cut_up(
            &client,
            &proxy,
            &mut dice,
            wanted,
            &conversation,
            &beginning,
            &run,
        );
        let reading = reading.await;
        assert_eq!(reading.broken, [""; 0]);
        assert_eq!(reading.from_deltas(), text);
        assert_eq!(reading.answer("complete"), text);
    }
    while let Some(reading) = others.join_next().await {
        let reading = reading.unwrap();
        assert_eq!(reading.broken, [""; 0]);
        assert_eq!(reading.answer("complete"), text);
    }
    assert_eq!(rig::newest(&client, &conversation).await["content"], text);
    Counted {
        cuts: proxy.cuts(),
        connections: proxy.connections(),
        passes,
    }
}

/// Comes while the answer is being written, says so when it knows of it, and reads to its end.
async fn join_late(
    client: &Client,
    via: Via,
    mut reading: Reading,
    run: &str,
    joined: &Barrier,
) -> Reading {
    let token = client.token().unwrap();
    let to = reading.to(run);
    let mut line = loop {
        if let Some(line) = Line::open(client.base(), &token, via, &to).await {
            break line;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    while reading.known.messages.is_empty() {
        match line.next(LIMIT).await {
            Got::Frame(frame) => reading.take(&frame),
            other => panic!("before the answer, via {via:?}: {other:?}"),
        }
    }
    joined.wait().await;
    if reading.follow(&mut line, run, LIMIT).await {
        return reading;
    }
    reading::read(client, via, reading, run, LIMIT).await
}

/// Reads from the beginning to the end of the run, through a proxy that cuts.
async fn cut_up(
    client: &Client,
    proxy: &CuttingProxy,
    dice: &mut Dice,
    wanted: u64,
    conversation: &str,
    beginning: &str,
    run: &str,
) -> Reading {
    let token = client.token().unwrap();
    let mut reading = Reading::since(beginning, conversation);
    let mut via = Via::Socket;
    while !reading.has_ended(run) {
        if proxy.cuts() < wanted {
            // Handshake, first frames and the middle of the text are all within this.
            proxy.next(Plan::random(dice, 6_000));
        }
        let to = reading.to(run);
        let line = Line::open_within(OPENS, &proxy.url(), &token, via, &to).await;
        if let Some(mut line) = line {
            reading.follow(&mut line, run, SILENCE).await;
        }
        via = via.other();
    }
    reading
}

/// Silence beyond retention: after an hour the deltas are gone and the message itself comes in their
/// place, after a month the cursor is too old and `reset` says so. Never a hole.
async fn silence(kind: Kind) {
    let mut rig = Rig::with_clock(kind, "").await;
    let server = rig.start().await;
    let client = rig::user(&server, "sleeper").await;
    let conversation = rig::conversation(&client).await;
    let beginning = reading::end(&client).await;
    let gate = rig.model.gate("half");
    let first = "[[script: tokens=60 delay_ms=2 gate=half@30]]";
    let run = rig::send(&client, &conversation, first).await;

    // Everybody falls silent in the middle of the answer.
    let mut sleepers = Vec::new();
    for via in [Via::Socket, Via::Stream] {
        let mut reading = Reading::since(&beginning, &conversation);
        let token = client.token().unwrap();
        let to = reading.to(&run);
        let mut line = Line::open(client.base(), &token, via, &to).await.unwrap();
        while reading.from_deltas() != scripted_text(30) {
            match line.next(SOON).await {
                Got::Frame(frame) => reading.take(&frame),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(reading.broken, [""; 0]);
        sleepers.push((via, reading));
    }
    gate.open();
    rig.runs_end(SOON).await;

    // The running server sweeps by itself.
    let clock = rig.clock.as_mut().unwrap();
    clock.advance(Duration::from_secs(61 * 60));
    let database = &rig.database;
    let swept = async || (database.deltas().await == 0).then_some(());
    rig::poll("deltas are swept", Duration::from_secs(60), swept).await;
    client.login("sleeper@example.org").await;
    let text = scripted_text(60);
    let mut month_old = Vec::new();
    for (via, reading) in sleepers {
        month_old.push((via, reading.cursor.clone().unwrap()));
        let read = reading::read(&client, via, reading.after_silence(), &run, SOON);
        let read = read.await;
        assert_eq!((read.broken.as_slice(), read.resets), (&[][..], 0));
        assert_eq!(read.answer("complete"), text, "{via:?}");
        // And from the very beginning, as somebody who slept through all of it.
        let read = reading::read(
            &client,
            via,
            Reading::since(&beginning, &conversation).after_silence(),
            &run,
            SOON,
        );
        let read = read.await;
        assert_eq!((read.broken.as_slice(), read.resets), (&[][..], 0));
        assert_eq!(read.answer("complete"), text, "{via:?}");
        // The run's own stream does the same.
        let cursor = &month_old.last().unwrap().1;
        assert_eq!(
            run_stream(&client, &conversation, &run, cursor)
                .await
                .answer("complete"),
            text
        );
    }

    // A month later, at the next start, the events themselves are gone.
    let clock = rig.clock.as_mut().unwrap();
    clock.advance(Duration::from_secs(31 * 24 * 60 * 60));
    assert!(server.terminate().await.success(), "{}", rig.binary.log());
    let server = rig.start().await;
    let database = &rig.database;
    let swept = async || (database.events().await == 0).then_some(());
    rig::poll("events are swept", Duration::from_secs(60), swept).await;
    let client = Client::new(&server.url);
    client.login("sleeper@example.org").await;
    for (via, cursor) in month_old {
        reset(&client, via, &cursor, &conversation, &text).await;
        // A run's stream says how the run is now.
        let read = run_stream(&client, &conversation, &run, &cursor).await;
        assert_eq!((read.resets, read.answer("complete")), (1, text.as_str()));
    }
    rig.finish(server).await;
    println!("{}: an hour and a month of silence, over both", kind.name());
}

/// The cursor is refused in words; what the API shows then, and the feed from there on, is all.
async fn reset(client: &Client, via: Via, cursor: &str, conversation: &str, text: &str) {
    let token = client.token().unwrap();
    let mut reading = Reading::since(cursor, conversation);
    let to = reading.to("");
    let mut line = Line::open(client.base(), &token, via, &to).await.unwrap();
    while reading.resets == 0 {
        match line.next(SOON).await {
            Got::Frame(frame) => {
                let kind = frame["type"].as_str().unwrap().to_owned();
                assert!(kind == "reset" || kind == "connection", "{frame}");
                reading.take(&frame);
            }
            other => panic!("{other:?}"),
        }
    }
    let state = client.messages(conversation).await;
    assert_eq!(state[1]["content"], text);
    for message in &state {
        reading.known.message(message).unwrap();
    }
    let run = rig::send(client, conversation, "[[script: tokens=40 delay_ms=2]]").await;
    assert!(reading.follow(&mut line, &run, SOON).await);
    assert_eq!(reading.broken, [""; 0]);
    assert_eq!(reading.answer("complete"), scripted_text(40));
}

async fn run_stream(client: &Client, conversation: &str, run: &str, after: &str) -> Reading {
    let path = format!("/chat/runs/{run}/events?after={after}");
    let mut stream = client.try_events(&path).await.unwrap();
    let mut reading = Reading::since(after, conversation).after_silence();
    while let Some(event) = stream.next().await {
        reading.take(&event.unwrap().data);
    }
    assert_eq!(reading.broken, [""; 0]);
    assert!(reading.has_ended(run));
    reading
}

/// Held still longer than any client waits, the server goes on where it was.
async fn pause(kind: Kind) {
    let mut rig = Rig::new(kind, "").await;
    let server = rig.start().await;
    let client = rig::user(&server, "patient").await;
    let conversation = rig::conversation(&client).await;
    let beginning = reading::end(&client).await;
    let run = rig::send(&client, &conversation, "[[script: tokens=200 delay_ms=15]]").await;
    let mut readers = JoinSet::new();
    for via in [Via::Socket, Via::Stream] {
        let (client, run) = (client.clone(), run.clone());
        let reading = Reading::since(&beginning, &conversation);
        readers.spawn(async move { reading::read(&client, via, reading, &run, LIMIT).await });
    }
    rig.model
        .until(|records| records.first().is_some_and(|first| first.sent >= 40))
        .await;
    server.pause().await;
    // Beyond the lease (10 s), with the model's bytes piling up in the kernel.
    tokio::time::sleep(Duration::from_secs(12)).await;
    server.resume().await;
    while let Some(reading) = readers.join_next().await {
        let reading = reading.unwrap();
        assert_eq!(reading.broken, [""; 0]);
        assert_eq!(reading.answer("complete"), scripted_text(200));
    }
    let sent: Vec<Value> = client.messages(&conversation).await;
    assert_eq!(sent.len(), 2, "{}", json!(sent));
    rig.finish(server).await;
}

mod sqlite {
    use super::Kind::Sqlite;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn cuts() {
        super::cuts(Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn silence() {
        super::silence(Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn pause() {
        super::pause(Sqlite).await;
    }
}

mod postgres {
    use super::Kind::Postgres;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn cuts() {
        super::cuts(Postgres).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn silence() {
        super::silence(Postgres).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn pause() {
        super::pause(Postgres).await;
    }
}
