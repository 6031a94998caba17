//! P11, one user's flood doesn't starve others: the flooder meets its limits, each with a word, and
//! everybody else is served meanwhile. (How fast is a matter of time: `make bench`.)

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chaos::database::Kind;
use chaos::scene::Scene;
use serde_json::json;
use testkit::{Client, Dice, Incoming, scripted_text};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Of `crates/server/src/limits.rs`.
const SOCKETS_PER_USER: usize = 20;
const REFUSAL_WAITS_MS: u128 = 500;
const RATE_PER_MINUTE: usize = 30;
const LANES: usize = 8;
const NORMAL: usize = 6;
const MESSAGES: usize = 4;

#[derive(Default)]
struct Counts {
    accepted: AtomicUsize,
    refused: AtomicUsize,
}

async fn flood(kind: Kind) {
    let scene = Scene::new(kind, &format!("send_rate_per_minute = {RATE_PER_MINUTE}\n")).await;
    let server = scene.binary().start().await;
    let mut dice = Dice::new(Dice::seed());
    let flooder = Client::new(&server.url);
    flooder.register("flooder@example.org").await;
    let mut normal = Vec::new();
    for number in 0..NORMAL {
        let client = Client::new(&server.url);
        client
            .register(&format!("normal{number}@example.org"))
            .await;
        normal.push(client);
    }

    let mut sockets = Vec::new();
    for _ in 0..SOCKETS_PER_USER {
        let mut socket = flooder.socket(None, &[]).await;
        socket.frame("connection").await;
        sockets.push(socket);
    }
    let mut beyond = flooder.socket(None, &[]).await;
    let refused = beyond.frame("error").await;
    assert_eq!(refused["data"]["status"], 429, "{refused}");
    let closed = beyond.next().await;
    assert!(
        matches!(&closed, Incoming::Closed(Some((4429, _)))),
        "{closed:?}"
    );

    let started = Instant::now();
    let (counts, over) = (Arc::new(Counts::default()), CancellationToken::new());
    let mut lanes = JoinSet::new();
    for _ in 0..LANES {
        lanes.spawn(lane(
            flooder.clone(),
            dice.split(),
            counts.clone(),
            over.clone(),
        ));
    }
    let mut users = JoinSet::new();
    for client in normal {
        users.spawn(served(client, dice.split()));
    }
    while let Some(user) = users.join_next().await {
        user.unwrap();
    }
    // The flood is one only once it has met its limit.
    while counts.refused.load(Ordering::SeqCst) < 4 * LANES {
        assert!(lanes.try_join_next().is_none(), "a lane ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    over.cancel();
    while let Some(ended) = lanes.join_next().await {
        ended.unwrap();
    }
    let (accepted, refused) = (
        counts.accepted.load(Ordering::SeqCst),
        counts.refused.load(Ordering::SeqCst),
    );
    // A burst of a minute's worth, and what the minutes since then have allowed.
    let minutes = usize::try_from(started.elapsed().as_secs() / 60).unwrap() + 1;
    assert!(
        (RATE_PER_MINUTE..=RATE_PER_MINUTE * (1 + minutes)).contains(&accepted),
        "{accepted} of a flood were accepted"
    );
    let most =
        LANES * (usize::try_from(started.elapsed().as_millis() / REFUSAL_WAITS_MS).unwrap() + 1);
    assert!(
        refused <= most,
        "a flood keeps the server busy: {refused} refusals, when {most} are enough"
    );
    println!(
        "{}: {NORMAL} users had {MESSAGES} answers each while one user's {LANES} lanes sent without \
         pause: {accepted} accepted, {refused} refused with a time to come back; its 21st socket was \
         refused",
        kind.name()
    );
}

/// Sends as fast as it is answered.
async fn lane(client: Client, mut dice: Dice, counts: Arc<Counts>, over: CancellationToken) {
    while !over.is_cancelled() {
        let send =
            json!({"content": "Flood [[script: tokens=50]]", "client_message_id": dice.uuid()});
        let answer = client.try_send_async(&send).await.unwrap();
        match answer.status.as_u16() {
            202 => counts.accepted.fetch_add(1, Ordering::SeqCst),
            429 => {
                let wait = answer.headers["retry-after"].to_str().unwrap();
                assert!((1..=60).contains(&wait.parse::<u64>().unwrap()), "{wait}");
                counts.refused.fetch_add(1, Ordering::SeqCst)
            }
            other => panic!("{other}: {}", answer.body),
        };
    }
}

/// Somebody else, who must not notice.
async fn served(client: Client, mut dice: Dice) {
    let mut conversation = serde_json::Value::Null;
    for number in 0..MESSAGES {
        let answer = client
            .send(json!({
                "content": format!("Question {number} [[script: tokens=30 delay_ms=5]]"),
                "client_message_id": dice.uuid(),
                "conversation_id": conversation,
            }))
            .await
            .expect(200);
        assert_eq!(answer["ai_message"]["content"], scripted_text(30).as_str());
        conversation = answer["conversation_id"].clone();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    flood(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    flood(Kind::Postgres).await;
}
