//! A failing or full disk neither corrupts nor lies.

use std::time::{Duration, Instant};

use chaos::disk::full::{Disk, Mounted};
use chaos::disk::site::{Site, Template};
use serde_json::json;
use testkit::client::Answer;
use testkit::{Client, Dice, scripted_text};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// It does so once a second.
const TRIED_AGAIN: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_fails_once() {
    chaos::disk::sweep(false, Dice::seed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_for_a_while() {
    let template = Template::make().await;
    let site = template.site();
    let disk = Disk::traced(&site.data_dir, &site.folder().join("trace"));
    a_full_disk_passes(&template, &site, disk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_system_without_space() {
    let template = Template::make().await;
    let mut trials = 0;
    // Nothing at all; not enough for a page; enough to begin a transaction, not to end it.
    for left in [0, 2_048, 8_192, 20_480] {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        let Some(mounted) = Mounted::new(&data_dir, left) else {
            // Counted as what it is: see scripts/count.py.
            println!("SKIPPED: no file system may be mounted here: the other full disk has to do");
            return;
        };
        let site = template.site_at(folder, data_dir);
        a_full_disk_passes(&template, &site, Disk::Mounted(mounted)).await;
        trials += 1;
    }
    println!("P1c: {trials} file systems without space");
}

/// Writes are refused with a reason, reads go on, an answer that is being written waits, and after
/// space returns everything goes on by itself. A stop is a stop, also then.
pub(crate) async fn a_full_disk_passes(template: &Template, site: &Site, mut disk: Disk) {
    let gate = template.model.gate("half");
    gate.close();
    let before = gate.arrivals();
    let mut binary = site.binary();
    let mut server = binary.start().await;
    let pid = server.id().unwrap();
    let client = site.client(&server.url);
    let long = "long [[script: tokens=30 gate=half@10]]";
    let sent = client.try_send_async(&json!({"content": long})).await;
    let sent = sent.unwrap().expect(202);
    let conversation = sent["conversation_id"].as_str().unwrap();
    gate.reached(before + 1).await;

    disk.fill(pid).await;
    let key = Dice::new(1).uuid().to_string();
    let body = json!({"content": "k [[script: tokens=2]]", "client_message_id": key});
    let mut stored = use_up(&client).await;
    if disk.refuses_all() {
        refused(&client, &body).await;
        gate.open();
        refused(&client, &body).await;
    }
    gate.open();
    // What is there can be read, by everybody who is signed in.
    let messages = client.messages(conversation).await;
    assert_eq!(messages[0]["content"], long);
    client.get("/chat/conversations").await.expect(200);
    client.get("/auth/me").await.expect(200);
    assert_eq!(server.exited(), None, "{}", binary.log());

    disk.free().await;
    until(async || ready(&client).await == 200).await;
    client.send(body).await.expect(200);
    until(async || {
        let messages = client.messages(conversation).await;
        messages[1]["status"] == "complete"
    })
    .await;
    let messages = client.messages(conversation).await;
    assert_eq!(
        messages[1]["content"],
        scripted_text(30),
        "no token is lost"
    );

    disk.fill(pid).await;
    stored += use_up(&client).await;
    let exit = server.terminate().await;
    assert_eq!(exit.code(), Some(0), "{}", binary.log());
    assert!(
        binary.log().contains("can't be written"),
        "{}",
        binary.log()
    );
    if let Disk::Mounted(mounted) = &disk {
        // The last write-back may have cut the log.
        mounted.exhaust();
    }
    // The tracer has ended with its process.
    let still = !matches!(disk, Disk::Traced { .. });
    if still && (disk.refuses_all() || matches!(disk, Disk::Mounted(_))) {
        let refused = binary
            .try_start()
            .await
            .err()
            .expect("nothing can be stored");
        assert_eq!(refused.code(), Some(1), "{}", binary.log());
        let log = binary.log();
        let last = log.lines().last().unwrap();
        let reasons = ["full", "No space", "io_error", "read-only"];
        assert!(reasons.iter().any(|why| last.contains(why)), "{last}");
    }
    if still {
        disk.free().await;
    }
    let server = binary.start().await;
    let database = site.database();
    database.runs_end(PATIENCE).await.unwrap();
    // The first day's, the long one, the repeated one, and those that were acknowledged on the way.
    assert_eq!(client.conversations().await.len(), 3 + stored);
    assert_eq!(database.contradictions().await, Vec::<String>::new());
    assert!(server.terminate().await.success());
    assert_eq!(database.damage().await, Vec::<String>::new());
}

pub(crate) async fn ready(client: &Client) -> u16 {
    let url = format!("{}/ready", client.base());
    reqwest::get(url).await.unwrap().status().as_u16()
}

/// Sends until nothing can be stored and the server says so of itself; how many were stored still.
/// The log may have room of its own, and gets some back when it has been written into the database.
async fn use_up(client: &Client) -> usize {
    let mut stored = 0;
    for _ in 0..200 {
        let body = json!({"content": "more [[script: tokens=2]]"});
        let answer = client.try_send_async(&body).await.unwrap();
        if answer.status == 202 {
            stored += 1;
            continue;
        }
        says_why(&answer);
        if stays_unready(client).await {
            return stored;
        }
    }
    panic!("the disk does not fill up: {stored} were stored");
}

/// Also after the server has tried the disk again.
async fn stays_unready(client: &Client) -> bool {
    let asked = Instant::now();
    while asked.elapsed() < TRIED_AGAIN {
        if ready(client).await != 503 {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    true
}

pub(crate) async fn refused(client: &Client, body: &serde_json::Value) {
    says_why(&client.try_send_async(body).await.unwrap());
}

/// That nothing was changed, and when to try again.
fn says_why(answer: &Answer) {
    assert_eq!(answer.status.as_u16(), 503, "{:#}", answer.body);
    assert_eq!(answer.code(), "not_writable");
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains("Nothing was changed"), "{detail}");
    assert!(answer.headers.contains_key("retry-after"));
}

pub(crate) async fn until(condition: impl AsyncFn() -> bool) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .expect("it is well again by itself");
}
