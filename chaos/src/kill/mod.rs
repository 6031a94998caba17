//! `kill -9` at random moments under eight writers, on both databases (promises P1, P2, P3, P4 and
//! P5b). One trial is one kill. After the last one everything that a client was told is compared
//! with what the API and the raw database hold.

pub mod compare;
#[cfg(test)]
mod doubt;
pub mod writer;

use std::time::{Duration, Instant};

use testkit::process::Binary;
use testkit::{Client, Dice, ScriptedModel, TestDatabase};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::database::Database;
use crate::programs;
use writer::{Log, Writer};

const WRITERS: u64 = 8;
/// Promised: every run is over within this time of the restart.
const RUNS_END: Duration = Duration::from_secs(30);

/// `rounds` kills under the writers that `seed` makes.
///
/// # Panics
/// When a promise was broken, with all that was.
pub async fn trials(database: &TestDatabase, rounds: u64, seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = &folder.path().join("data");
    let database = Database::of(database, data_dir);
    // One process on SQLite recovers at boot. Elsewhere a dead node's leases must run out first, so
    // that only every fifth restart is waited for.
    let wait_every = match database {
        Database::Sqlite { .. } => 1,
        Database::Postgres { .. } => 5,
    };
    println!(
        "{}: {rounds} kills under {WRITERS} writers, seed {seed}",
        database.name()
    );
    let mut dice = Dice::new(seed);
    let model = ScriptedModel::start().await;
    std::fs::create_dir(data_dir).unwrap();
    // What is under test is not the rate limit.
    std::fs::write(
        data_dir.join("rejoinder.toml"),
        "send_rate_per_minute = 100000\n",
    )
    .unwrap();
    let mut binary = Binary::new(programs::rejoinder(), data_dir)
        .arg("--database-url", database.url())
        .arg("--model", "openai/scripted")
        .arg("--registration", "open")
        .env("OPENAI_API_KEY", "sk-test")
        .env("OPENAI_BASE_URL", &model.base_url());
    let mut server = binary.start().await;

    let stop = CancellationToken::new();
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let client = Client::new(&server.url);
        client
            .register(&format!("writer{number}@example.org"))
            .await;
        let writer = Writer::new(number, client, dice.split(), stop.clone());
        writers.spawn(writer.run());
    }

    let mut slowest = Duration::ZERO;
    for round in 1..=rounds {
        // Including moments at which the server has hardly started.
        tokio::time::sleep(Duration::from_millis(dice.within(20..1_500))).await;
        assert_eq!(server.exited(), None, "died by itself: {}", binary.log());
        server.kill().await;
        server = binary.start().await;
        if round % wait_every == 0 {
            slowest = slowest.max(database.runs_end(RUNS_END).await);
        }
    }
    stop.cancel();
    let mut logs: Vec<Log> = Vec::new();
    while let Some(log) = writers.join_next().await {
        logs.push(log.unwrap());
    }
    slowest = slowest.max(database.runs_end(RUNS_END).await);

    let started = Instant::now();
    let (summary, broken) = compare::everything(&logs, &database).await;
    assert!(
        broken.is_empty(),
        "{} broken:\n{}\n{summary}",
        broken.len(),
        broken.join("\n")
    );
    let exit = server.terminate().await;
    assert!(exit.success(), "drain: {exit}; {}", binary.log());
    database.check_integrity().await;
    println!(
        "{}: {rounds} kills; {summary}; runs left by a kill ended within {:.1} s of the restart; \
         compared in {:.1} s",
        database.name(),
        slowest.as_secs_f64(),
        started.elapsed().as_secs_f64(),
    );
}
