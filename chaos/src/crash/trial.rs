//! One death, or two in a row, and what came after.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::process::{Binary, Server};
use testkit::{Client, ScriptedModel, TestDatabase, Witness};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::compare::{self, Compared};
use super::decider::{self, Ordered};
use super::sender::{Log, Sender};
use super::turns::turns;
use crate::database::Database;
use crate::history::{self, Recorder, State, Verdict};
use crate::programs;
use crate::reader::{self, Address};

/// Promised: every run is over within this time of the restart.
const RUNS_END: Duration = Duration::from_secs(30);
/// After the last answer: a point behind it may still be on its way. Only a trial that does not reach
/// its point waits for so long.
const GRACE: Duration = Duration::from_secs(30);
const SIGKILL: i32 = 9;
const EMAIL: &str = "user@example.org";

pub struct Trial {
    pub point: &'static str,
    pub hit: u64,
    /// Then the second life dies too, where it first comes to the point.
    pub twice: bool,
}

pub struct Report {
    pub point: &'static str,
    pub hit: u64,
    pub deaths: usize,
    /// Deaths that the trial was for.
    pub wanted: usize,
    /// From the last restart to the end of the runs that the death left.
    pub recovery: Duration,
    pub verdict: Verdict,
    pub streams_resumed: usize,
    pub sockets_resumed: usize,
    pub compared: Compared,
    pub ordered: Ordered,
    pub broken: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.point, self.hit)?;
        if self.deaths == 0 {
            return write!(f, " not reached");
        }
        write!(
            f,
            " {} deaths, {} attempts, {} answers begun again, {} model calls asked for again, \
             recovered in {:.1} s",
            self.deaths,
            self.verdict.attempts,
            self.verdict.restarted,
            self.compared.asked_again,
            self.recovery.as_secs_f64()
        )
    }
}

impl Trial {
    pub async fn run(self, database: TestDatabase) -> Report {
        let folder = tempfile::Builder::new()
            .prefix("rejoinder-chaos-")
            .tempdir()
            .unwrap();
        let data_dir = &folder.path().join("data");
        std::fs::create_dir(data_dir).unwrap();
        let witness = Witness::start().await;
        let config = decider::order_tool(witness.url());
        std::fs::write(data_dir.join("rejoinder.toml"), config).unwrap();
        let database = Database::of(&database, data_dir);
        let model = ScriptedModel::start().await;
        let binary = || binary(data_dir, &database, &model);

        let failpoint = format!("{}:{}", self.point, self.hit);
        let mut server = binary()
            .env("REJOINDER_FAILPOINT", &failpoint)
            .start()
            .await;
        let client = Client::new(&server.url);
        client.register(EMAIL).await;
        let (moved, url) = watch::channel(server.url.clone());
        let token = client.token().unwrap();
        let address = Address { url, token };
        let conversation = client.post("/chat/conversations", json!({})).await;
        let conversation = conversation.expect(201)["conversation_id"]
            .as_str()
            .unwrap()
            .to_owned();
        let beginning = reader::end(&client).await;

        let turns = turns();
        let recorder = Recorder::create(&folder.path().join("history.jsonl"));
        let sender = Sender::new(address.clone(), &conversation, EMAIL, recorder.clone());
        let mut sending = JoinSet::new();
        sending.spawn(sender.run(turns.clone()));
        let stop = CancellationToken::new();
        let mut deciding = JoinSet::new();
        deciding.spawn(decider::approve(address.clone(), stop.clone()));
        let watched = vec![conversation.clone()];
        let mut reading = JoinSet::new();
        reading.spawn(reader::follow(
            address.clone(),
            beginning.clone(),
            watched,
            turns.len(),
        ));

        let mut deaths = 0;
        let mut recovery = Duration::ZERO;
        let mut broken = Vec::new();
        let mut log = None;
        while death(&mut server, &mut sending, &mut log).await {
            deaths += 1;
            if deaths == 1 && self.twice {
                let failpoint = format!("{}:1", self.point);
                server = binary()
                    .env("REJOINDER_FAILPOINT", &failpoint)
                    .start()
                    .await;
                moved.send_replace(server.url.clone());
            } else {
                server = binary().start().await;
                moved.send_replace(server.url.clone());
                match database.runs_end(RUNS_END).await {
                    Ok(took) => recovery = took,
                    Err(late) => broken.push(late),
                }
                break;
            }
        }
        let log = match log {
            Some(log) => log,
            None => sending.join_next().await.unwrap().unwrap(),
        };
        let live = reading.join_next().await.unwrap().unwrap();
        let mut watched: Vec<String> = log.conversations.clone();
        watched.sort_unstable();
        watched.dedup();
        let late = reader::follow(address.clone(), beginning, watched, turns.len()).await;

        stop.cancel();
        let decisions = deciding.join_next().await.unwrap().unwrap();
        broken.extend(decisions.broken);

        let found = compare::Found {
            point: self.point,
            deaths,
            turns: &turns,
            conversation: &conversation,
            log: &log,
            live: &live,
            late: &late,
            requests: &model.answers(),
        };
        let (compared, found_broken) = found.compare(&address.client()).await;
        broken.extend(found_broken);
        let shown = address.client().get("/chat/calls").await.expect(200);
        let (ordered, disordered) = decider::compare(
            self.point,
            &turns,
            &database.calls("order").await,
            shown["calls"].as_array().unwrap(),
            &witness.entries(),
        );
        broken.extend(disordered);
        let orders: usize = turns.iter().map(|turn| turn.orders.len()).sum();
        if decisions.heard + decisions.unsure < orders {
            let heard = decisions.heard;
            broken.push(format!("{orders} orders, and {heard} approvals"));
        }
        let state = State::collect(&server.url, &[EMAIL.to_owned()], &database).await;
        found.streams(&state, &mut broken);
        let verdict = history::check(&recorder.lines(), &state);
        broken.extend(verdict.broken.iter().cloned());
        let completed = [format!("completed {}", turns.len())];
        if verdict.acknowledged != turns.len() || verdict.runs != completed {
            broken.push(format!("{} messages: {verdict}", turns.len()));
        }
        let exit = server.terminate().await;
        if !exit.success() {
            broken.push(format!("drain: {exit}; {}", binary().log()));
        }
        broken.extend(database.damage().await);
        if !broken.is_empty() {
            state.save(&folder.path().join("state.json"));
            let kept = folder.keep();
            println!("{failpoint}: kept {}\n{}", kept.display(), binary().log());
        }
        Report {
            point: self.point,
            hit: self.hit,
            deaths,
            wanted: 1 + usize::from(self.twice),
            recovery,
            verdict,
            streams_resumed: log.resumed,
            sockets_resumed: live.resumed,
            compared,
            ordered,
            broken,
        }
    }
}

fn binary(data_dir: &Path, database: &Database, model: &ScriptedModel) -> Binary {
    Binary::new(programs::rejoinder_with_failpoints(), data_dir)
        .arg("--database-url", database.url())
        .arg("--model", "openai/scripted")
        .env("OPENAI_API_KEY", "sk-test")
        .env("OPENAI_BASE_URL", &model.base_url())
}

/// Waits until the process has killed itself, or until the client is through and it has not: the
/// client's log is then complete. Answers whether it died.
async fn death(server: &mut Server, sending: &mut JoinSet<Log>, log: &mut Option<Log>) -> bool {
    let mut until = log.is_some().then(|| Instant::now() + GRACE);
    loop {
        if let Some(exit) = server.exited() {
            assert_eq!(exit.signal(), Some(SIGKILL), "not by its own hand: {exit}");
            return true;
        }
        if until.is_some_and(|until| Instant::now() > until) {
            return false;
        }
        tokio::select! {
            Some(ended) = sending.join_next() => {
                *log = Some(ended.unwrap());
                until = Some(Instant::now() + GRACE);
            }
            () = tokio::time::sleep(Duration::from_millis(10)) => {}
        }
    }
}
