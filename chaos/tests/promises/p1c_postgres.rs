//! A PostgreSQL that can't store neither makes us lie nor needs us to be started again.

use std::time::{Duration, Instant};

use chaos::cluster::Cluster;
use chaos::disk::full::Disk;
use chaos::disk::server::{Server, small};
use chaos::disk::site::Template;
use serde_json::json;
use testkit::scripted_text;

use super::p1c_disk::{PATIENCE, a_full_disk_passes, ready, refused, until};

/// Ten seconds, and some.
const LONGER_THAN_A_LEASE: Duration = Duration::from_secs(12);

/// It has no space, its disk fails, it may not write: each write is refused, wherever it goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn says_no_for_a_while() {
    let cluster = Cluster::start(&[]);
    for how in ["disk_full", "io_error", "read_only"] {
        let template = Template::on(cluster.create(how, "").await).await;
        let site = template.site();
        let server = match how {
            "read_only" => Server::read_only(site.database()),
            condition => Server::says(site.database(), condition).await,
        };
        a_full_disk_passes(&template, &site, Disk::Server(server)).await;
    }
}

/// Pages that are there have room, new ones can't be had: no two writes are refused at the same place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tablespace_without_space() {
    let cluster = Cluster::start(&[]);
    let Some((database, mounted)) = small(&cluster).await else {
        // Counted as what it is: see scripts/count.py.
        println!("SKIPPED: no file system may be mounted here: a server that says no has to do");
        return;
    };
    let template = Template::on(database).await;
    let site = template.site();
    let server = Server::tablespace(site.database(), mounted);
    a_full_disk_passes(&template, &site, Disk::Server(server)).await;
}

/// A lease is a write as well: who can't renew it must not go on, and nobody else can take over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn says_no_for_longer_than_a_lease() {
    let cluster = Cluster::start(&[]);
    let template = Template::on(cluster.database()).await;
    let site = template.site();
    let mut disk = Disk::Server(Server::says(site.database(), "disk_full").await);
    let gate = template.model.gate("half");
    gate.close();
    let before = gate.arrivals();
    let mut binary = site.binary();
    let mut server = binary.start().await;
    let pid = server.id().unwrap();
    let client = site.client(&server.url);
    let mut answers = Vec::new();
    for n in 1..=3 {
        let long = json!({"content": "long [[script: tokens=30 gate=half@10]]"});
        let sent = client.try_send_async(&long).await.unwrap().expect(202);
        answers.push(sent["conversation_id"].as_str().unwrap().to_owned());
        gate.reached(before + n).await;
    }

    disk.fill(pid).await;
    let full = Instant::now();
    let body = json!({"content": "more [[script: tokens=2]]"});
    while full.elapsed() < LONGER_THAN_A_LEASE {
        refused(&client, &body).await;
        assert_eq!(ready(&client).await, 503);
        assert_eq!(client.messages(&answers[0]).await.len(), 2);
        // Half of the time the model has more to say, which can't be stored.
        if full.elapsed() > LONGER_THAN_A_LEASE / 2 {
            gate.open();
        }
    }
    assert_eq!(server.exited(), None, "{}", binary.log());

    disk.free().await;
    until(async || ready(&client).await == 200).await;
    let ended = site.database().runs_end(PATIENCE).await;
    assert!(ended.is_ok(), "{ended:?}; {}", binary.log());
    for conversation in answers {
        let messages = client.messages(&conversation).await;
        assert_eq!(messages[1]["status"], "complete", "{:#}", messages[1]);
        assert_eq!(messages[1]["content"], scripted_text(30));
    }
    assert_eq!(client.conversations().await.len(), 4);
    assert!(server.terminate().await.success());
    assert_eq!(site.database().contradictions().await, Vec::<String>::new());
}
