//! P8: a failing model leaves the partial text, marked, with a retry; memory stays bounded, and no
//! run is ever left open.

use std::time::{Duration, Instant};

use chaos::database::Kind;
use chaos::reading::{self, Reading, Via};
use chaos::rig::{self, Rig};
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::process::Server;
use testkit::{Client, scripted_text};

const TOKENS: usize = 8;
const LIMIT: Duration = Duration::from_secs(120);
/// One call and its three retries.
const TRIES: u64 = 4;
/// KiB that one line of 50 MB may cost.
const LINE_COSTS: u64 = 16 * 1024;

/// What breaks in the stream, and the code that says so. Before the first token it is tried again
/// first, and after the last one the answer is still not whole.
const STREAM_FAULTS: [(&str, &str); 8] = [
    ("reset", "model_interrupted"),
    ("end", "model_interrupted"),
    ("error", "model_upstream"),
    ("malformed", "model_protocol"),
    ("html", "model_interrupted"),
    ("stall", "model_stalled"),
    ("chatter", "model_stalled"),
    ("long_line", "model_protocol"),
];

struct Fault {
    script: String,
    at: usize,
    code: &'static str,
    retryable: bool,
}

fn faults() -> Vec<Fault> {
    let mut all = Vec::new();
    for (kind, code) in STREAM_FAULTS {
        for at in [0, 1, TOKENS / 2, TOKENS] {
            // Instead of the protocol, a page is recognised as one.
            let code = if (kind, at) == ("html", 0) {
                "model_protocol"
            } else {
                code
            };
            // As often as it must strike to be seen; the user's retry then finds a healthy model.
            let times = if at == 0 { TRIES } else { 1 };
            all.push(Fault {
                script: format!("tokens={TOKENS} delay_ms=2 fault={kind}@{at} times={times}"),
                at,
                code,
                retryable: true,
            });
        }
    }
    for (status, code, times, retryable) in [
        (429, "model_rate_limited", TRIES, true),
        (529, "model_rate_limited", TRIES, true),
        (500, "model_upstream", TRIES, true),
        (503, "model_upstream", TRIES, true),
        (401, "model_auth", 1, false),
        (400, "model_refused", 1, false),
    ] {
        all.push(Fault {
            script: format!("tokens={TOKENS} fault={status} times={times}"),
            at: 0,
            code,
            retryable,
        });
    }
    all
}

/// What a healthy server must put up with: the answer is whole.
const ODD: [&str; 8] = [
    "tokens=8 fault=trickle@0 delay_ms=1",
    "tokens=8 fault=trickle@4 delay_ms=1",
    "tokens=8 no_usage",
    "tokens=8 fault=429 retry_after=1 times=2",
    "tokens=8 fault=529 times=1 retry_after=1",
    "tokens=8 fault=reset times=3",
    "tool=calculator args={\"expression\":\"1+1\"} tool=calculator args={\"expression\":\"2+2\"} dup_ids tokens=8",
    "tool=no_such_tool args={\"a\":1} no_ids no_index no_usage tokens=8",
];

async fn failures(kind: Kind) {
    // Long enough that dozens of failures at once, and lines of 50 MB, are not taken for a stall.
    let toml = "[limits]\nmodel_first_token_seconds = 10\nmodel_next_token_seconds = 10\n";
    let mut rig = Rig::new(kind, toml).await;
    let server = rig.start().await;
    let faults = faults();
    let (failed, odd) = (faults.len(), ODD.len());
    let mut clients = Vec::new();
    for number in 0..8 {
        clients.push(rig::user(&server, &format!("unlucky{number}")).await);
    }
    // First: a peak of memory is never taken back.
    let cost = long_line(&server, &clients[0]).await;
    let mut lanes: Vec<Vec<Fault>> = clients.iter().map(|_| Vec::new()).collect();
    for (number, fault) in faults.into_iter().enumerate() {
        lanes[number % clients.len()].push(fault);
    }
    // The retries before a first token mostly wait: all of a lane at once.
    join_all(
        lanes
            .into_iter()
            .zip(&clients)
            .map(|(lane, client)| join_all(lane.into_iter().map(|fault| fails(client, fault)))),
    )
    .await;
    join_all(
        ODD.iter()
            .zip(&clients)
            .map(|(script, client)| puts_up(client, script)),
    )
    .await;
    rig.finish(server).await;
    println!(
        "{}: {failed} failures, each kept, marked and retried; {odd} oddities answered; a line of \
         50 MB cost {cost} KiB",
        kind.name()
    );
}

async fn fails(client: &Client, fault: Fault) {
    let conversation = rig::conversation(client).await;
    let beginning = reading::end(client).await;
    let what = &fault.script;
    let run = rig::send(client, &conversation, &format!("[[script: {what}]]")).await;
    let text = scripted_text(fault.at);
    let readings = read_both(client, &beginning, &conversation, &run).await;
    for reading in &readings {
        assert_eq!(reading.broken, [""; 0], "{what}");
        assert_eq!(reading.ended[&run], "failed", "{what}");
        assert_eq!(reading.answer("failed"), text, "{what}");
    }
    let answer = rig::newest(client, &conversation).await;
    assert_eq!(
        (&answer["status"], &answer["content"]),
        (&json!("failed"), &json!(text)),
        "{what}"
    );
    let error = &answer["additional_data"]["error"];
    assert_eq!(error["code"], fault.code, "{what}: {error}");
    assert_eq!(error["retryable"], fault.retryable, "{what}: {error}");
    assert!(
        error["detail"]
            .as_str()
            .is_some_and(|detail| detail.len() > 20),
        "{what}: {error}"
    );

    // The retry gives a whole answer beside the broken one.
    let path = format!(
        "/chat/conversations/{conversation}/messages/{}/regenerate",
        answer["id"]
    );
    let again = client.post(&path, json!({})).await.expect(202);
    let again_run = again["run_id"].as_str().unwrap();
    for reading in read_both(client, &beginning, &conversation, again_run).await {
        assert_eq!(reading.broken, [""; 0], "{what}");
        assert_eq!(reading.answer("complete"), scripted_text(TOKENS), "{what}");
        assert_eq!(reading.answer("failed"), text, "{what}");
    }
    let retried = rig::newest(client, &conversation).await;
    assert_eq!(retried["content"], scripted_text(TOKENS), "{what}");
    assert_eq!(
        retried["siblings"].as_array().unwrap().len(),
        2,
        "{what}: {retried:#}"
    );
}

async fn read_both(client: &Client, from: &str, conversation: &str, run: &str) -> [Reading; 2] {
    let read = |via| {
        let reading = Reading::since(from, conversation);
        reading::read(client, via, reading, run, LIMIT)
    };
    tokio::join!(read(Via::Socket), read(Via::Stream)).into()
}

async fn puts_up(client: &Client, script: &str) {
    let body = json!({ "content": format!("[[script: {script}]]") });
    let started = Instant::now();
    let sent = client.send(body).await.expect(200);
    if script.contains("retry_after=1 times=2") {
        // Twice a second, as the model asked: longer than the first two waits are by themselves.
        assert!(started.elapsed() >= Duration::from_secs(2), "{script}");
    }
    let answer = &sent["ai_message"];
    assert_eq!(answer["status"], "complete", "{script}: {answer:#}");
    assert_eq!(answer["content"], scripted_text(TOKENS), "{script}");
    let conversation = sent["conversation_id"].as_str().unwrap();
    let messages: Vec<Value> = client.messages(conversation).await;
    let count = |kind: &str| {
        messages
            .iter()
            .filter(|m| m["message_type"] == kind)
            .count()
    };
    let asked = script.matches("tool=").count();
    assert_eq!(
        (count("tool_call"), count("tool_result")),
        (asked, asked),
        "{script}"
    );
}

/// Alone, so that what it costs can be told.
async fn long_line(server: &Server, client: &Client) -> u64 {
    let warm = json!({ "content": "[[script: tokens=50]]" });
    client.send(warm).await.expect(200);
    let before = server.peak_memory();
    let script = format!("[[script: tokens={TOKENS} fault=long_line@4]]");
    let sent = client.send(json!({ "content": script })).await.expect(200);
    assert_eq!(sent["ai_message"]["status"], "failed");
    assert_eq!(sent["ai_message"]["content"], scripted_text(4));
    let cost = server.peak_memory() - before;
    assert!(cost <= LINE_COSTS, "a line of 50 MB cost {cost} KiB");
    cost
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    failures(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    failures(Kind::Postgres).await;
}
