//! P11, one user's flood doesn't starve others. People ask and read; in every second phase, one user
//! sends without pause beside them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use testkit::{Client, Dice, Incoming};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::crowd::{Crowd, Present};
use crate::figures::{Phase, Samples, Verdict, median, millis};
use crate::model::Model;
use crate::person::{message, people};
use crate::{Options, server};

const RATIO: f64 = 2.0;
/// What one person may have open at a time.
const SOCKETS: usize = 20;
/// A person reads what was answered before they ask on, from half to one and a half times as long;
/// stays below the limit on sending. Were it always as long, people who once waited for the same
/// commit would ask in the same moment for ever after.
const READS: Duration = Duration::from_millis(1_500);

/// As a client that was told to come back does.
const COMES_BACK: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Flood {
    accepted: AtomicU64,
    refused: AtomicU64,
}

pub async fn measure(options: &Options) -> Vec<Verdict> {
    println!(
        "\nP11: {} people who ask about every {} s, beside one who sends over {} connections without pause",
        options.normal,
        READS.as_secs_f64(),
        options.lanes
    );
    let model = Model::start().await;
    let started = server::start(options, &model).await;
    let server = &started.server;
    let mut dice = Dice::new(Dice::seed());
    let samples = Samples::default();
    let mut asking = JoinSet::new();
    for client in people(&server.url, "normal", options.normal, &mut dice).await {
        asking.spawn(ask(client, samples.clone(), dice.split()));
    }
    let flooder = people(&server.url, "flooder", 1, &mut dice).await.remove(0);
    sleep(options.phase()).await;

    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        alone.push(samples.during(options.phase()).await);
        let counts = Arc::new(Flood::default());
        let mut flood = Crowd::default();
        for _ in 0..SOCKETS {
            flood.add(listen(flooder.clone(), flood.present.clone()));
        }
        flood.complete(SOCKETS).await;
        for _ in 0..options.lanes {
            flood.add(send(flooder.clone(), dice.split(), counts.clone()));
        }
        options.settle().await;
        beside.push(samples.during(options.phase()).await);
        flood.leave().await;
        // One that meets no limit is none.
        let refused = counts.refused.load(Ordering::Relaxed);
        assert!(refused > 0, "nothing of the flood was refused");
        options.settle().await;
        println!("  {round} alone   {}", alone[round - 1]);
        println!(
            "  {round} beside  {}  flood: {} accepted, {} refused",
            beside[round - 1],
            counts.accepted.load(Ordering::Relaxed),
            refused,
        );
        assert!(asking.try_join_next().is_none(), "somebody stopped asking");
    }
    let p99 = |phases: &[Phase]| {
        median(
            &phases
                .iter()
                .map(|phase| millis(phase.percentile(99)))
                .collect::<Vec<_>>(),
        )
    };
    let (alone, beside) = (p99(&alone), p99(&beside));
    println!("  medians: p99 alone {alone:.1} ms, beside {beside:.1} ms");
    let what = "P11 p99 from question to whole answer beside a flood, over alone";
    vec![Verdict::at_most(what, beside / alone, RATIO, "")]
}

/// Asks, and writes down when the answer was there; for ever.
async fn ask(client: Client, samples: Samples, mut dice: Dice) {
    let mut socket = client.socket(None, &[]).await;
    let mut conversation = Value::Null;
    // Not everybody at the same moment.
    sleep(READS.mul_f64(dice.within(0..100) as f64 / 100.0)).await;
    loop {
        let asked = Instant::now();
        let send = message("And then?", &conversation, &mut dice);
        socket.send("message", None, send).await;
        let ended = |frame: &Value| frame["type"] == "run" && frame["data"]["state"] == "completed";
        let frame = socket.until(ended).await;
        samples.add(asked.elapsed());
        conversation = frame["conversation_id"].clone();
        sleep(READS.mul_f64(dice.within(50..150) as f64 / 100.0)).await;
    }
}

/// One of the flooder's sockets, which takes everything, and comes back where it was not let in: those
/// of the phase before may still be there.
async fn listen(client: Client, present: Present) {
    loop {
        let mut socket = client.socket(None, &[]).await;
        if let Incoming::Frame(first) = socket.next().await
            && first["type"] == "connection"
        {
            present.comes();
            while let Incoming::Frame(_) = socket.next().await {}
            present.goes();
        }
        sleep(COMES_BACK).await;
    }
}

/// Sends as fast as it is answered, yes or no.
async fn send(client: Client, mut dice: Dice, counts: Arc<Flood>) {
    loop {
        let send = message("Flood", &Value::Null, &mut dice);
        let answer = client.try_send_async(&send).await.unwrap();
        let count = match answer.status.as_u16() {
            202 => &counts.accepted,
            429 => &counts.refused,
            other => panic!("{other}: {}", answer.body),
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}
