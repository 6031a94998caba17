//! One fault, what the server did about it, and what is there afterwards.

use std::fmt;
use std::time::{Duration, Instant};

use testkit::process::Server;
use testkit::{Fault, Strace, TestDatabase, Which};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::site::Template;
use super::work::{Log, Told, Work, compare};
use crate::database::Database;

/// `EX_IOERR`.
const BROKEN: i32 = 74;
/// Until something is decided; the machine may be busy, and half a dozen tracers make it so.
const LEAVES: Duration = Duration::from_secs(30);
/// Five seconds are promised, from the look at the disk's state that comes every second.
const LEAVES_SOON: Duration = Duration::from_secs(7);
const RUNS_END: Duration = Duration::from_secs(30);

pub struct Report {
    pub fault: Fault,
    /// The files on which it struck; empty: it was not reached.
    pub struck: Vec<String>,
    pub ended: Ended,
    /// After a write whose outcome is unknown: how long it was there and not ready.
    pub left_after: Option<Duration>,
    pub log: Log,
    pub broken: Vec<String>,
}

impl Report {
    #[must_use]
    pub fn left_late(&self) -> bool {
        self.left_after.is_some_and(|after| after > LEAVES_SOON)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ended {
    /// The start was refused.
    Refused,
    /// The server left by itself, with the exit code that says so.
    Left,
    /// It went on, and stopped when it was told to.
    Stopped,
    /// As it stopped, with the exit code that says that the disk fails.
    StoppedBroken,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { call, error, which } = self.fault;
        let acknowledged = self
            .log
            .sent
            .iter()
            .filter(|s| s.told == Told::Acknowledged);
        write!(
            f,
            "{call} {error} {which:?} on {:?}: {:?}; {} of {} messages acknowledged, {} refusals",
            self.struck,
            self.ended,
            acknowledged.count(),
            self.log.sent.len(),
            self.log.refusals,
        )
    }
}

/// Runs the day of [`Work`] on a disk with this fault.
pub async fn run(template: &Template, fault: Fault, seed: u64) -> Report {
    let site = template.site();
    let strace = Strace::new(&site.folder().join("trace"))
        .calls(fault.call)
        .database(&site.data_dir)
        .fault(fault);
    let mut binary = site.binary();
    binary.under(Some(strace.clone()));
    let mut log = Log::default();
    let mut broken = Vec::new();
    let mut left_after = None;
    let unknown = fault.error == "EIO" && ["pwrite64", "fsync"].contains(&fault.call);
    let ended = match binary.try_start().await {
        Err(status) => {
            if status.code() != Some(1) {
                broken.push(format!("a refused start ended with {status}"));
            }
            Ended::Refused
        }
        Ok(server) => {
            let mut work = Work::new(site.client(&server.url), seed);
            let watching = Watch::begin(&server.url);
            work.day(&site.conversation).await;
            let ended = leave_or_stop(server, &mut work, &mut broken).await;
            let seen = watching.end().await;
            if ended == Ended::Left && seen.unready == 0 {
                broken.push("it was ready until it left".to_owned());
            }
            if unknown && seen.well_again {
                broken.push("it was ready again after a write whose outcome is unknown".to_owned());
            }
            if unknown && ended == Ended::Left {
                left_after = seen.left_after;
            }
            log = work.log;
            ended
        }
    };
    let trace = strace.trace().await;
    let struck: Vec<String> = trace.injected().iter().map(|call| file(call)).collect();
    let said = binary.log();
    if said.contains("panicked") {
        broken.push("a panic".to_owned());
    }
    if ended == Ended::Refused && !said.contains("rejoinder: ") {
        broken.push("the start was refused without a word".to_owned());
    }
    let lost = |file: &String| ["rejoinder.db", "rejoinder.db-wal"].contains(&file.as_str());
    if unknown && struck.iter().any(lost) && ended == Ended::Stopped {
        broken.push("it went on although nobody knows what is on the disk".to_owned());
    }
    if struck.is_empty() && ended != Ended::Stopped {
        broken.push(format!("{ended:?} without a fault"));
    }

    // The disk is well again: what was said is there, and the rest goes on.
    binary.under(None);
    let server = binary.start().await;
    let database = Database::of(&TestDatabase::sqlite(), &site.data_dir);
    database.runs_end(RUNS_END).await.unwrap();
    broken.extend(compare(&site.client(&server.url), &log).await);
    broken.extend(database.contradictions().await);
    let exit = server.terminate().await;
    if !exit.success() {
        broken.push(format!("the second life ended with {exit}"));
    }
    assert_eq!(database.damage().await, Vec::<String>::new());
    if !broken.is_empty() {
        println!("{fault:?}: {}", binary.log());
    }
    Report {
        fault,
        struck,
        ended,
        left_after,
        log,
        broken,
    }
}

/// A server that knows that its disk fails says so and leaves; any other is well again by itself.
async fn leave_or_stop(mut server: Server, work: &mut Work, broken: &mut Vec<String>) -> Ended {
    let until = Instant::now() + LEAVES;
    let mut ready = false;
    while !ready && server.exited().is_none() && Instant::now() < until {
        ready = is_ready(work.client.base()).await == Some(true);
        if !ready {
            work.read().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    if !ready && server.exited().is_none() {
        broken.push(format!("neither ready nor gone after {LEAVES:?}"));
    }
    if let Some(status) = server.exited() {
        if status.code() != Some(BROKEN) {
            broken.push(format!("it left with {status}"));
        }
        return Ended::Left;
    }
    let exit = server.terminate().await;
    match exit.code() {
        Some(0) => Ended::Stopped,
        Some(BROKEN) => Ended::StoppedBroken,
        _ => {
            broken.push(format!("the stop ended with {exit}"));
            Ended::Stopped
        }
    }
}

/// `/ready`: `None` where nobody answers.
async fn is_ready(base: &str) -> Option<bool> {
    let response = reqwest::get(format!("{base}/ready")).await.ok()?;
    Some(response.status().as_u16() == 200)
}

/// Asks `/ready` all the time, as a load balancer does.
struct Watch {
    end: CancellationToken,
    task: JoinSet<Seen>,
}

#[derive(Default)]
struct Seen {
    unready: usize,
    /// Ready after it was not.
    well_again: bool,
    /// From the first time that it was not ready to the end, or to nobody's being there.
    left_after: Option<Duration>,
}

impl Watch {
    fn begin(base: &str) -> Self {
        let (base, end) = (base.to_owned(), CancellationToken::new());
        let until = end.clone();
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut seen = Seen::default();
            let (mut unready, mut gone) = (None, None);
            while !until.is_cancelled() {
                match is_ready(&base).await {
                    Some(true) => seen.well_again |= seen.unready > 0,
                    Some(false) => {
                        seen.unready += 1;
                        unready.get_or_insert_with(Instant::now);
                    }
                    None => {
                        gone.get_or_insert_with(Instant::now);
                    }
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let gone = gone.unwrap_or_else(Instant::now);
            seen.left_after = unready.map(|unready| gone.saturating_duration_since(unready));
            seen
        });
        Self { end, task }
    }

    async fn end(mut self) -> Seen {
        self.end.cancel();
        self.task.join_next().await.unwrap().unwrap()
    }
}

/// The name of the file that a call was about.
fn file(call: &testkit::strace::Call) -> String {
    ["rejoinder.db-wal", "rejoinder.db-shm", "rejoinder.db"]
        .into_iter()
        .find(|name| call.arguments.contains(&format!("/{name}")))
        .unwrap_or("?")
        .to_owned()
}

/// How often each call is made on the database's files by the thread that makes most of them: the
/// faults of a sweep.
pub async fn count(template: &Template, calls: &[&'static str]) -> Vec<(&'static str, u32)> {
    let site = template.site();
    let strace = Strace::new(&site.folder().join("trace"))
        .calls(&calls.join(","))
        .database(&site.data_dir);
    let mut binary = site.binary();
    let server = binary.under(Some(strace.clone())).start().await;
    let mut work = Work::new(site.client(&server.url), 0);
    work.day(&site.conversation).await;
    assert!(server.terminate().await.success(), "{}", binary.log());
    assert_eq!(compare_nothing(&work.log), Vec::<String>::new());
    let trace = strace.trace().await;
    calls
        .iter()
        .map(|name| {
            let mut by_thread = std::collections::BTreeMap::<u32, u32>::new();
            for call in trace.calls.iter().filter(|call| call.name == *name) {
                *by_thread.entry(call.thread).or_default() += 1;
            }
            (*name, by_thread.values().copied().max().unwrap_or(0))
        })
        .collect()
}

/// Without a fault everything is acknowledged.
fn compare_nothing(log: &Log) -> Vec<String> {
    let unsure = log.sent.iter().filter(|s| s.told != Told::Acknowledged);
    unsure
        .map(|sent| format!("{sent:?}"))
        .chain(log.violations.iter().cloned())
        .collect()
}

/// The n-th call, or a few from the n-th on.
pub fn fault(call: &'static str, error: &'static str, n: u32) -> Fault {
    let which = if error == "ENOSPC" {
        Which::Between(n, n + 4)
    } else {
        Which::Only(n)
    };
    Fault { call, error, which }
}
