//! An acknowledged message is on the disk of PostgreSQL, and not only on its way there.

use chaos::cluster::Cluster;
use chaos::disk::site::{Site, Template};
use chaos::disk::wal::Looked;
use chaos::every_write;
use testkit::Strace;
use tokio::task::JoinSet;

use super::p1b_power::{CALLS, SENDERS, send};

/// The server's default is careless with commits, and its own writer of the log sleeps: nothing but
/// what we ask for makes an answer wait.
const SETTINGS: &[&str] = &[
    "fsync=on",
    "full_page_writes=on",
    "synchronous_commit=off",
    "wal_writer_delay=10s",
];

/// Of each sender. A message is eighteen transactions of the database, and each of their calls stops
/// for the tracer: 200 messages would take a slow machine a minute.
const EACH: usize = 13;

/// What was seen of one trial.
struct Seen {
    messages: usize,
    syncs: usize,
    broken: Vec<String>,
}

/// 104 messages by three ways, eight at a time, so that commits are shared. Of each: its request was
/// read, then a backend took its words and was told to commit, then the log was written and synced,
/// then the backend said that it had, then the answer left. And nothing at all about it left before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    let cluster = Cluster::start(SETTINGS);
    let template = Template::on(cluster.database()).await;
    let seen = trial(cluster, &template.site(), EACH).await;
    assert_eq!(seen.broken, Vec::<String>::new());
    assert_eq!(seen.messages, SENDERS * EACH);
}

/// The same with commits that don't wait: what is looked for is then not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_do_not_wait_are_noticed() {
    let cluster = Cluster::start(SETTINGS);
    let template = Template::on(cluster.database()).await;
    let site = template.site();
    every_write::install(&site.database()).await;
    let careless = "PERFORM set_config('synchronous_commit', 'off', true);";
    every_write::does(&site.database(), careless).await;
    let seen = trial(cluster, &site, 5).await;
    assert_eq!(seen.messages, SENDERS * 5);
    // Some may have a sync of somebody else's beside them.
    let broken = &seen.broken;
    assert!(broken.len() * 2 > seen.messages, "only {broken:?}");
    assert!(
        broken.iter().all(|line| line.ends_with("no sync")),
        "{broken:?}"
    );
}

async fn trial(cluster: Cluster, site: &Site, each: usize) -> Seen {
    let port = cluster.port();
    let strace = Strace::new(&site.folder().join("trace"))
        .calls(CALLS)
        .bytes(6_000)
        .beside(&cluster.processes());
    let mut binary = site.binary();
    let server = binary.under(Some(strace.clone())).start().await;
    let mut senders = JoinSet::new();
    for number in 0..SENDERS {
        senders.spawn(send(site.client(&server.url), number, each));
    }
    let mut keys = Vec::new();
    while let Some(sent) = senders.join_next().await {
        keys.extend(sent.unwrap());
    }
    assert!(server.terminate().await.success(), "{}", binary.log());
    // The tracer ends with the last of those that it traces.
    drop(cluster);
    let trace = strace.trace().await;
    let looked = Looked::at(&trace, port);
    let broken = keys
        .iter()
        .filter_map(|(key, by_socket)| looked.durable(key, *by_socket).err());
    let seen = Seen {
        messages: keys.len(),
        syncs: looked.syncs.len(),
        broken: broken.collect(),
    };
    println!(
        "P1b: {} messages, {} of them not synced in time, {} transactions, {} syncs of the log, {} \
         calls looked at",
        seen.messages,
        seen.broken.len(),
        looked.transactions.len(),
        seen.syncs,
        trace.calls.len()
    );
    seen
}
