//! P9 (one node): a restart drains. Streams go on after it, everything acknowledged is there, the
//! process exits with 0; clients that are stuck hold nothing up; a second signal leaves at once.

use std::time::{Duration, Instant};

use chaos::database::Kind;
use chaos::reading::{self, Reading, Via};
use chaos::rig::{self, Rig};
use chaos::stuck::{self, Stuck};
use serde_json::{Value, json};
use testkit::process::Server;
use testkit::scripted::{Ended, Recorded};
use testkit::{Client, Dice, scripted_text};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const RUNS: usize = 8;
const RESTARTS: usize = 3;
const TOKENS: usize = 300;
/// Nobody comes to the end before the test is done with restarting.
const SCRIPT: &str = "[[script: tokens=300 delay_ms=25 gate=late@200]]";
const LIMIT: Duration = Duration::from_secs(90);
/// As configured below.
const DRAIN: Duration = Duration::from_secs(1);
/// Promised, of a run that can be handed back: from the next process's being there to the model's
/// being asked again for all of them. How long a process needs to start is another matter.
const HAND_OVER: Duration = Duration::from_secs(2);
/// The slowest of them, on a machine that is busy with other things. A lease that had to run out
/// would take six to nine and a half.
const HAND_OVER_AT_MOST: Duration = Duration::from_secs(6);
/// What a process needs to end beside its runs, on a machine that is busy with other things; a client
/// that held it up would do so for ever.
const LEAVES: Duration = Duration::from_secs(30);
const LEFT_AT_ONCE: i32 = 130;
/// After a second signal; its answers would go on for a minute.
const AT_ONCE: Duration = Duration::from_secs(20);

/// The provider `prefill` goes on from a partial answer, the other begins again.
fn toml(drain: u64) -> String {
    format!(
        "drain_seconds = {drain}\n[[providers]]\nname = \"prefill\"\nadapter = \"openai\"\n\
         base_url = \"MODEL_URL\"\nprefill = true\n"
    )
}

/// Runs with a reader on each kind of connection.
struct Streams {
    readers: JoinSet<Reading>,
    clients: Vec<(Client, String)>,
}

async fn streams(server: &Server, runs: usize) -> Streams {
    let mut streams = Streams {
        readers: JoinSet::new(),
        clients: Vec::new(),
    };
    for number in 0..runs {
        let client = rig::user(server, &format!("reader{number}")).await;
        let conversation = rig::conversation(&client).await;
        let beginning = reading::end(&client).await;
        let model = if number % 2 == 0 {
            "openai/scripted"
        } else {
            "prefill/scripted"
        };
        let body = json!({"content": SCRIPT, "conversation_id": conversation, "model": model});
        let run = rig::ask(&client, &body).await;
        for via in [Via::Socket, Via::Stream] {
            let (client, run) = (client.clone(), run.clone());
            let reading = Reading::since(&beginning, &conversation);
            let read = async move { reading::read(&client, via, reading, &run, LIMIT).await };
            streams.readers.spawn(read);
        }
        streams.clients.push((client, conversation));
    }
    streams
}

impl Streams {
    /// All of them have read all of it, whatever happened in between.
    async fn complete(mut self) {
        let text = scripted_text(TOKENS);
        while let Some(reading) = self.readers.join_next().await {
            let reading = reading.unwrap();
            assert_eq!(reading.broken, [""; 0]);
            assert_eq!(reading.from_deltas(), text);
            assert_eq!(reading.answer("complete"), text);
        }
        for (client, conversation) in &self.clients {
            assert_eq!(rig::newest(client, conversation).await["content"], text);
        }
    }
}

async fn restarts(kind: Kind) {
    let mut rig = Rig::new(kind, &toml(DRAIN.as_secs())).await;
    let mut server = rig.start().await;
    let streams = streams(&server, RUNS).await;
    let stop = CancellationToken::new();
    let mut writers = JoinSet::new();
    for number in 0..3 {
        let client = rig::user(&server, &format!("writer{number}")).await;
        writers.spawn(write(client, Dice::new(number), stop.clone()));
    }
    let mut slowest_exit = Duration::ZERO;
    let mut hand_overs = Vec::new();
    for restart in 1..=RESTARTS {
        let asked = streaming(&rig).await;
        let told = Instant::now();
        let exit = server.terminate().await;
        let exited = Instant::now();
        assert_eq!(
            exit.code(),
            Some(0),
            "restart {restart}: {}",
            rig.binary.log()
        );
        slowest_exit = slowest_exit.max(exited.duration_since(told));
        server = rig.start().await;
        let listening = Instant::now();
        let every_run = asked + RUNS;
        rig.model
            .until(|calls| calls.iter().filter(|call| is_long(call)).count() >= every_run)
            .await;
        hand_overs.push(listening.elapsed());
    }
    assert!(slowest_exit < DRAIN + LEAVES, "left after {slowest_exit:?}");
    hand_overs.sort_unstable();
    let (most, slowest) = (hand_overs[RESTARTS / 2], hand_overs[RESTARTS - 1]);
    assert!(
        most < HAND_OVER && slowest < HAND_OVER_AT_MOST,
        "went on after {hand_overs:?}"
    );
    rig.model.gate("late").open();
    streams.complete().await;
    stop.cancel();
    let mut acknowledged = 0;
    while let Some(sent) = writers.join_next().await {
        let (client, sent) = sent.unwrap();
        acknowledged += sent.len();
        stored_once(&client, &sent).await;
    }
    rig.finish(server).await;
    println!(
        "{}: {RESTARTS} restarts under {RUNS} answers with 2 readers each; {acknowledged} messages \
         acknowledged and stored once; left after at most {} ms (drain {} ms); the next one went on at most {} ms after it was there",
        kind.name(),
        slowest_exit.as_millis(),
        DRAIN.as_millis(),
        slowest.as_millis()
    );
}

/// A request for one of the long answers. Cheap: there are hundreds of others, and this is asked often
/// while time is taken.
fn is_long(call: &Recorded) -> bool {
    let mut asked = call.messages().iter();
    let long = asked.any(|message| message["content"].as_str().is_some_and(|c| c == SCRIPT));
    long && !call.is_title()
}

/// Waits until each long answer is being written, and well begun; answers how many were asked for.
async fn streaming(rig: &Rig) -> usize {
    let begun = |calls: &[Recorded]| {
        let open = |call: &&Recorded| call.ended == Ended::Running;
        let long: Vec<_> = calls.iter().filter(|call| is_long(call)).collect();
        let open = long.iter().copied().filter(open).count();
        open == RUNS && long.iter().filter(|call| call.sent >= 20).count() >= RUNS
    };
    rig.model.until(begun).await;
    let calls = rig.model.answers();
    calls.iter().filter(|call| is_long(call)).count()
}

/// Sends short messages, each again until it is acknowledged.
async fn write(client: Client, mut dice: Dice, stop: CancellationToken) -> (Client, Vec<String>) {
    let mut acknowledged = Vec::new();
    while !stop.is_cancelled() {
        let id = dice.uuid().to_string();
        let body = json!({"content": "[[script: tokens=2]]", "client_message_id": id});
        while !client
            .try_send_async(&body)
            .await
            .is_ok_and(|answer| answer.status == 202)
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        acknowledged.push(id);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (client, acknowledged)
}

async fn stored_once(client: &Client, sent: &[String]) {
    let mut stored: Vec<String> = Vec::new();
    for conversation in client.conversations().await {
        let id = conversation["conversation_id"].as_str().unwrap();
        let messages: Vec<Value> = client.messages(id).await;
        let mine = messages
            .iter()
            .filter_map(|message| message["client_message_id"].as_str());
        stored.extend(mine.map(str::to_owned));
    }
    let mut sent = sent.to_vec();
    sent.sort_unstable();
    stored.sort_unstable();
    assert_eq!(stored, sent);
}

/// Clients that take nothing, and one that never finishes its request.
async fn stuck_clients(kind: Kind) {
    let mut rig = Rig::new(kind, &toml(DRAIN.as_secs())).await;
    let mut server = rig.start().await;
    let client = rig::user(&server, "stuck").await;
    let conversation = rig::conversation(&client).await;
    let beginning = reading::end(&client).await;
    stuck::fill(&client, &conversation).await;
    let mut stuck = Vec::new();
    for _ in 0..4 {
        stuck.push(Stuck::reading_events(&client, &beginning, &conversation).await);
        stuck.push(Stuck::reading_socket(&client, &beginning, &conversation).await);
    }
    stuck.push(Stuck::sending(&client).await);
    let streams = streams(&server, RUNS).await;
    streaming(&rig).await;
    let told = Instant::now();
    server.signal("TERM").await;
    let exit = server.ends(DRAIN + LEAVES).await;
    let exit = exit.unwrap_or_else(|| panic!("still there after {:?}", told.elapsed()));
    let took = told.elapsed();
    assert_eq!(exit.code(), Some(0), "{}", rig.binary.log());
    drop(stuck);
    rig.model.gate("late").open();
    let server = rig.start().await;
    streams.complete().await;
    rig.finish(server).await;
    println!(
        "{}: 9 stuck clients beside {RUNS} answers; left after {} ms (drain {} ms)",
        kind.name(),
        took.as_millis(),
        DRAIN.as_millis()
    );
}

/// A second signal while answers are being written.
async fn twice(kind: Kind) {
    let mut rig = Rig::new(kind, &toml(60)).await;
    let mut server = rig.start().await;
    let streams = streams(&server, RUNS).await;
    streaming(&rig).await;
    server.signal("TERM").await;
    let drains = async || {
        let ready = reqwest::get(format!("{}/ready", server.url)).await.ok()?;
        (ready.status() == 503).then_some(())
    };
    rig::poll("it drains", Duration::from_secs(30), drains).await;
    let told = Instant::now();
    server.signal("TERM").await;
    let exit = server.ends(AT_ONCE).await;
    let exit = exit.expect("a second signal did not end it at once");
    let took = told.elapsed();
    assert_eq!(exit.code(), Some(LEFT_AT_ONCE), "{}", rig.binary.log());
    rig.model.gate("late").open();
    let server = rig.start().await;
    streams.complete().await;
    rig.finish(server).await;
    println!(
        "{}: a second signal under {RUNS} answers left after {} ms, and all of them were completed",
        kind.name(),
        took.as_millis()
    );
}

mod sqlite {
    use super::Kind::Sqlite;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn restarts() {
        super::restarts(Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn stuck_clients() {
        super::stuck_clients(Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn twice() {
        super::twice(Sqlite).await;
    }
}

mod postgres {
    use super::Kind::Postgres;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn restarts() {
        super::restarts(Postgres).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn stuck_clients() {
        super::stuck_clients(Postgres).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn twice() {
        super::twice(Postgres).await;
    }
}
