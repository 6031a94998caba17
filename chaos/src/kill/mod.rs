//! `kill -9` at random moments under writers (promises P1, P2, P3, P4 and P5b).
//!
//! One trial is one kill. Trials come in groups: one server with its data, its writers, and so many
//! lives. After the last one every client's log is held against the API and the raw database. All
//! that is chosen comes from the group's seed: what the writers send, in which form, how often, when
//! they give up, and when the kill strikes, which is counted in things that the clients have observed
//! rather than in time. What the machine adds, by how it schedules, no seed can repeat: the same seed
//! tries the same again, as often as it takes.

mod enough;
mod writer;

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use testkit::Dice;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::database::Kind;
use crate::history::{self, Recorder, State, Verdict};
use crate::node::Node;
use crate::sender::Sender;
use writer::Writer;

/// At once, as P1 says.
pub const WRITERS: u64 = 16;
/// Trials of one group: afterwards there is enough to compare.
pub const GROUP: u64 = 50;
/// Promised: every run is over within this time of the restart.
const RUNS_END: Duration = Duration::from_secs(30);
/// Events that clients observe before a kill strikes.
const EVENTS: u64 = 400;
/// A kill strikes then at the latest: the clients may all be waiting.
const AT_LATEST: Duration = Duration::from_millis(1_500);
/// One restart in so many is itself killed, this long after its birth at most.
const STILLBORN: u64 = 8;
const STILLBORN_MS: u64 = 400;

/// A group of trials.
#[derive(Debug)]
pub struct Group {
    pub name: &'static str,
    pub seed: u64,
    pub kills: u64,
    pub verdict: Verdict,
    /// From a restart to the end of the runs that the kill left.
    pub slowest: Duration,
    pub took: Duration,
    /// Where a promise was broken: log, state, data and the server's own log.
    pub kept: Option<PathBuf>,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: seed {}: {} kills under {WRITERS} writers; {}; runs left by a kill ended within \
             {:.1} s of the restart; {:.0} s",
            self.name,
            self.seed,
            self.kills,
            self.verdict,
            self.slowest.as_secs_f64(),
            self.took.as_secs_f64(),
        )?;
        if let Some(kept) = &self.kept {
            let broken = &self.verdict.broken;
            write!(f, "\n{} BROKEN:\n{}", broken.len(), broken.join("\n"))?;
            write!(f, "\nkept: {}", kept.display())?;
        }
        Ok(())
    }
}

/// One group, on a database of its own.
pub async fn group(kind: Kind, kills: u64, seed: u64) -> Group {
    let started = Instant::now();
    let mut dice = Dice::new(seed);
    let mut node = Node::start(kind).await;
    let recorder = Recorder::create(&node.folder().join("history.jsonl"));
    let stop = CancellationToken::new();
    let mut writers = JoinSet::new();
    let mut emails = Vec::new();
    for number in 0..WRITERS {
        let email = format!("writer{number}@example.org");
        emails.push(email.clone());
        let sender = Sender {
            client: node.user(&email).await,
            email,
            recorder: recorder.clone(),
            stop: stop.clone(),
        };
        writers.spawn(Writer::new(number, dice.split(), sender).run());
    }

    let mut broken = Vec::new();
    let mut slowest = Duration::ZERO;
    for kill in 1..=kills {
        recorder.observed(dice.within(0..EVENTS), AT_LATEST).await;
        if dice.one_in(STILLBORN) {
            let after = Duration::from_millis(dice.within(0..STILLBORN_MS));
            node.kill_twice(after).await;
        } else {
            node.kill().await;
        }
        if kill % wait_every(kind) == 0 || kill == kills {
            match node.database.runs_end(RUNS_END).await {
                Ok(took) => slowest = slowest.max(took),
                Err(late) => broken.push(late),
            }
        }
    }
    stop.cancel();
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    // Those that were begun since the last kill.
    broken.extend(node.database.runs_end(RUNS_END).await.err());

    let state = State::collect(node.url(), &emails, &node.database).await;
    let mut verdict = history::check(&recorder.lines(), &state);
    verdict.broken.extend(broken);
    verdict.broken.extend(enough::lacking(kills, &verdict));
    verdict.broken.extend(node.stop().await.err());
    verdict.broken.extend(node.database.damage().await);
    let kept = (!verdict.broken.is_empty()).then(|| {
        state.save(&node.folder().join("state.json"));
        node.keep()
    });
    Group {
        name: kind.name(),
        seed,
        kills,
        verdict,
        slowest,
        took: started.elapsed(),
        kept,
    }
}

/// One process on SQLite recovers at boot. Elsewhere a dead node's leases must run out first, which
/// takes ten seconds: not every restart is waited for.
fn wait_every(kind: Kind) -> u64 {
    match kind {
        Kind::Sqlite => 2,
        Kind::Postgres => 10,
    }
}

/// So many kills, in groups whose seeds follow each other from `seed` on. Prints each group; answers
/// those that broke a promise.
pub async fn groups(kind: Kind, kills: u64, seed: u64) -> Vec<Group> {
    let mut left = kills;
    let mut broken = Vec::new();
    let mut seeds = seed..;
    while left > 0 {
        let now = left.min(GROUP);
        left -= now;
        let group = group(kind, now, seeds.next().unwrap_or(seed)).await;
        println!("{group}");
        if group.kept.is_some() {
            broken.push(group);
        }
    }
    broken
}
