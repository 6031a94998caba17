//! Death at every failpoint, at its first, second and third hit, on both databases (promises P1, P2,
//! P3, P4, P5 and P5b). In one trial a client has a conversation, another device of its user approves
//! what asks, the process kills itself at the point, is started again, and everything that they were
//! told is compared with what the API, the raw database, the scripted model and the tool witness
//! hold. For each point there is one more trial in which the second life dies there as well.

mod compare;
mod decider;
mod sender;
mod trial;
mod turns;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent::failpoints::POINTS;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::database::Kind;
use trial::{Report, Trial};

const HITS: u64 = 3;

/// On a database of each trial's own; `only` one failpoint, such as `after_claim:2`, or all.
///
/// # Panics
/// When a promise was broken, with all that was, or a trial did not reach its point.
pub async fn matrix(kind: Kind, only: Option<String>) {
    let name = kind.name();
    let lanes = match kind {
        Kind::Sqlite => 4,
        // A dead node's leases must run out first: these trials mostly wait.
        Kind::Postgres => 8,
    };
    let started = Instant::now();
    let lanes = Arc::new(Semaphore::new(lanes));
    let mut trials = JoinSet::new();
    let mut names = BTreeMap::new();
    let kinds = (1..=HITS).map(|hit| (hit, false)).chain([(1, true)]);
    for (point, (hit, twice)) in POINTS
        .into_iter()
        .flat_map(|p| kinds.clone().map(move |k| (p, k)))
    {
        let failpoint = format!("{point}:{hit}");
        if only.as_ref().is_some_and(|only| *only != failpoint) {
            continue;
        }
        let (lanes, trial) = (lanes.clone(), Trial { point, hit, twice });
        let task = trials.spawn(async move {
            let _lane = lanes.acquire_owned().await.unwrap();
            trial.run(kind.fresh().await).await
        });
        names.insert(task.id(), failpoint);
    }
    let count = names.len();
    let mut done = Vec::new();
    let mut broken = Vec::new();
    while let Some(ended) = trials.join_next_with_id().await {
        match ended {
            Ok((_, report)) => {
                println!("{name}: {report}");
                let (point, hit) = (report.point, report.hit);
                broken.extend(
                    report
                        .broken
                        .iter()
                        .map(|what| format!("{point}:{hit}: {what}")),
                );
                // The client says enough for each point to be reached that often.
                if report.deaths != report.wanted {
                    let (deaths, wanted) = (report.deaths, report.wanted);
                    broken.push(format!("{point}:{hit}: died {deaths} times, not {wanted}"));
                }
                done.push(report);
            }
            Err(error) => broken.push(format!("{}: {error}", names[&error.id()])),
        }
    }
    summary(name, &done, started.elapsed());
    assert!(count > 0, "there is no such failpoint: {only:?}");
    assert!(
        broken.is_empty(),
        "{name}: {} broken in {count} trials:\n{}",
        broken.len(),
        broken.join("\n")
    );
}

fn summary(name: &str, done: &[Report], took: Duration) {
    let sum = |count: fn(&Report) -> usize| done.iter().map(count).sum::<usize>();
    let reached = sum(|report| usize::from(report.deaths > 0));
    let slowest = done.iter().map(|report| report.recovery).max();
    println!(
        "{name}: {} trials, {} deaths, {} trials did not reach their point; {} messages sent in {} \
         attempts, each stored once and answered in full; {} answers, {} of them begun again, read \
         three times over (SSE and socket resumed {} and {} times, and a socket that came late); {} \
         model calls, {} asked for again; {} todos; {} orders at the witness, each once, {} of unknown \
         outcome; slowest recovery {:.1} s; {:.0} s in all",
        done.len(),
        sum(|report| report.deaths),
        done.len() - reached,
        sum(|report| report.verdict.stored),
        sum(|report| report.verdict.attempts),
        sum(|report| report.verdict.answers),
        sum(|report| report.verdict.restarted),
        sum(|report| report.streams_resumed),
        sum(|report| report.sockets_resumed),
        sum(|report| report.compared.requests),
        sum(|report| report.compared.asked_again),
        sum(|report| report.verdict.todos),
        sum(|report| report.ordered.made),
        sum(|report| report.ordered.unknown),
        slowest.unwrap_or_default().as_secs_f64(),
        took.as_secs_f64(),
    );
}
