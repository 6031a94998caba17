//! A disk that fails (P1c): every write, sync, cut and open of the database's files, the first, the
//! second, the n-th, from the start of a server to its end.
//!
//! A full disk (`ENOSPC`) is known and passes: what could not be stored is refused, what is there can
//! be read, and the server is well again by itself. A failing one (`EIO`, a failed fsync) is not
//! known: the server says so and leaves. After both: what was acknowledged is there.

pub mod full;
pub mod server;
pub mod site;
pub mod trial;
pub mod wal;
pub mod work;

use std::collections::BTreeMap;
use std::sync::Arc;

use testkit::Fault;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use site::Template;
use trial::Report;

/// Trials at a time: they wait more than they work.
const AT_ONCE: u32 = 6;

/// Trials with one login, which lasts a quarter of an hour.
const A_LOGIN: usize = 100;

/// A call, its error, and how many of the calls are tried where not all are: evenly spread.
const SWEEPS: [(&str, &str, u32); 7] = [
    ("pwrite64", "EIO", 14),
    ("fsync", "EIO", 14),
    ("ftruncate", "EIO", 6),
    ("openat", "EIO", 6),
    ("pwrite64", "ENOSPC", 14),
    ("fsync", "ENOSPC", 6),
    ("openat", "ENOSPC", 6),
];

/// All faults of [`SWEEPS`], or a sample of each. Prints what was tried.
///
/// # Panics
/// When a promise was broken.
pub async fn sweep(all: bool, seed: u64) {
    let first = Template::make().await;
    let counts: BTreeMap<&str, u32> =
        trial::count(&first, &["pwrite64", "fsync", "ftruncate", "openat"])
            .await
            .into_iter()
            .collect();
    println!("calls of a day on the database: {counts:?}; seed {seed}");
    let seats = Arc::new(Semaphore::new(AT_ONCE as usize));
    let mut reports = Vec::new();
    for faults in faults(&counts, all).chunks(A_LOGIN) {
        let template = Arc::new(Template::make().await);
        let mut trials = JoinSet::new();
        for fault in faults.iter().cloned() {
            let (template, seats) = (Arc::clone(&template), Arc::clone(&seats));
            trials.spawn(async move {
                let seat = seats.acquire().await.unwrap();
                let first = trial::run(&template, fault, seed).await;
                drop(seat);
                if !first.left_late() {
                    return first;
                }
                println!("{first}; after {:?}: once more, alone", first.left_after);
                let _all = seats.acquire_many(AT_ONCE).await.unwrap();
                let mut again = trial::run(&template, fault, seed).await;
                if again.left_late() {
                    let late = format!("it left after {:?}", again.left_after);
                    again.broken.push(late);
                }
                again.broken.extend(first.broken);
                again
            });
        }
        while let Some(report) = trials.join_next().await {
            reports.push(report.unwrap());
        }
    }
    reports.sort_by_key(|r| {
        (
            r.fault.call,
            r.fault.error,
            format!("{:>40?}", r.fault.which),
        )
    });
    judge(&reports);
}

fn faults(counts: &BTreeMap<&str, u32>, all: bool) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (call, error, sample) in SWEEPS {
        let count = counts[call];
        let tried = if all { count } else { sample.min(count) };
        // The first and the last are always among them.
        let nth = |k: u32| 1 + k * (count - 1) / (tried - 1).max(1);
        faults.extend((0..tried).map(|k| trial::fault(call, error, nth(k))));
    }
    faults
}

fn judge(reports: &[Report]) {
    let mut broken = Vec::new();
    let mut summary = BTreeMap::<String, usize>::new();
    let (mut acknowledged, mut sent, mut reads) = (0, 0, 0);
    let mut struck = BTreeMap::<(&str, &str), Vec<bool>>::new();
    for report in reports {
        println!("{report}");
        broken.extend(
            report
                .broken
                .iter()
                .map(|b| format!("{:?}: {b}", report.fault)),
        );
        let Fault { call, error, .. } = report.fault;
        let strikes = struck.entry((call, error)).or_default();
        strikes.push(!report.struck.is_empty());
        let reached = if report.struck.is_empty() {
            "not reached".to_owned()
        } else {
            format!("{:?}", report.ended)
        };
        *summary
            .entry(format!("{error} in {call}, {reached}"))
            .or_default() += 1;
        let told = |s: &&work::Sent| s.told == work::Told::Acknowledged;
        acknowledged += report.log.sent.iter().filter(told).count();
        sent += report.log.sent.len();
        reads += report.log.reads;
    }
    for (what, count) in &summary {
        println!("{count:4} × {what}");
    }
    println!(
        "P1c: {} faults; {acknowledged} of {sent} messages acknowledged, all of them there \
         afterwards with whole answers; {reads} reads while not ready",
        reports.len()
    );
    broken.extend(idle(&struck));
    assert!(
        broken.is_empty(),
        "{} broken:\n{}",
        broken.len(),
        broken.join("\n")
    );
}

/// Faults that did not strike prove nothing. How many calls a day makes differs a little from day to
/// day, so the last of them may not come; the first always do.
fn idle(struck: &BTreeMap<(&str, &str), Vec<bool>>) -> Vec<String> {
    let mut idle = Vec::new();
    for ((call, error), strikes) in struck {
        let (all, hit) = (strikes.len(), strikes.iter().filter(|hit| **hit).count());
        if 2 * hit < all {
            idle.push(format!("{error} in {call}: {hit} of {all} faults struck"));
        }
    }
    if struck.len() != SWEEPS.len() {
        idle.push(format!(
            "{} of {} sweeps had a call",
            struck.len(),
            SWEEPS.len()
        ));
    }
    idle
}

#[test]
fn faults_that_mostly_do_not_strike_are_told() {
    let sweeps = |hits: &[bool]| {
        let all = SWEEPS.iter();
        all.map(|(call, error, _)| ((*call, *error), hits.to_vec()))
            .collect()
    };
    assert_eq!(idle(&sweeps(&[true, true, false])), [""; 0]);
    assert_eq!(idle(&sweeps(&[true, false, false])).len(), SWEEPS.len());
    assert_eq!(idle(&BTreeMap::new()).len(), 1);
}
