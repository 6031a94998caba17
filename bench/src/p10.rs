//! P10, a slow client costs nothing. Everybody has an answer streaming and a reader that takes it at
//! once; in every second phase, slow readers of the same answers beside them, half over sockets, half
//! as server-sent events.

use serde_json::Value;
use testkit::{Client, Dice, Incoming, Socket};
use tokio::task::JoinSet;

use crate::crowd::Crowd;
use crate::figures::{Samples, Verdict, median, millis};
use crate::model::{Clock, ENDLESS, LONG, Model};
use crate::person::{message, people};
use crate::{Options, server, slow};

const RATIO: f64 = 1.2;
/// What a phase with slow readers may grow beyond one without, for all of them together.
const GROWTH_MIB: f64 = 8.0;
/// Bytes a second of the fastest of the slow.
const SLOW_RATE: u64 = 100;

/// Somebody's answer that is being written.
struct Streaming {
    client: Client,
    conversation: String,
    /// Before its first word.
    beginning: String,
}

pub async fn measure(options: &Options) -> Vec<Verdict> {
    println!(
        "\nP10: {} fast readers of as many answers (20 words/s), beside {} slow ones (0 to {SLOW_RATE} \
         B/s)",
        options.fast, options.slow
    );
    let model = Model::start().await;
    let started = server::start(options, &model).await;
    let server = &started.server;
    let mut dice = Dice::new(Dice::seed());
    let samples = Samples::default();
    let (mut readers, mut answers) = (JoinSet::new(), Vec::new());
    for client in people(&server.url, "reader", options.fast, &mut dice).await {
        let mut socket = client.socket(None, &[]).await;
        let frame = socket.frame("connection").await;
        let beginning = frame["data"]["cursor"].as_str().unwrap().to_owned();
        // Whoever comes later reads this first, and is stuck in it.
        let send = message(LONG, &Value::Null, &mut dice);
        socket.send("message", None, send).await;
        let ended = |frame: &Value| frame["type"] == "run" && frame["data"]["state"] == "completed";
        let conversation = socket.until(ended).await["conversation_id"].clone();
        let send = message(ENDLESS, &conversation, &mut dice);
        socket.send("message", None, send).await;
        socket.frame("ack").await;
        let conversation = conversation.as_str().unwrap().to_owned();
        readers.spawn(read(socket, model.clock(), samples.clone()));
        answers.push(Streaming {
            client,
            conversation,
            beginning,
        });
    }
    tokio::time::sleep(options.phase()).await;

    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let (mut grown_alone, mut grown_beside, mut cost) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        let before = server.memory();
        alone.push(samples.during(options.phase()).await);
        let between = server.memory();
        grown_alone.push(mib(between) - mib(before));

        let mut slow = slow_readers(&answers, options.slow, &mut dice);
        slow.complete(options.slow).await;
        options.settle().await;
        let settled = server.memory();
        beside.push(samples.during(options.phase()).await);
        let after = server.memory();
        grown_beside.push(mib(after) - mib(settled));
        cost.push((settled as f64 - between as f64) / options.slow as f64);
        slow.leave().await;
        options.settle().await;
        println!(
            "  {round} alone   {}  memory {:.1} MiB",
            alone[round - 1],
            mib(between)
        );
        println!(
            "  {round} beside  {}  memory {:.1} MiB",
            beside[round - 1],
            mib(after)
        );
        assert!(
            readers.try_join_next().is_none(),
            "a fast reader was cut off"
        );
    }
    let p99 = |phases: &[crate::figures::Phase]| {
        median(
            &phases
                .iter()
                .map(|phase| millis(phase.percentile(99)))
                .collect::<Vec<_>>(),
        )
    };
    println!(
        "  medians: p99 alone {:.1} ms, beside {:.1} ms; a phase grew {:.1} MiB alone, {:.1} MiB \
         beside; the first {} slow readers cost {:.0} KiB each",
        p99(&alone),
        p99(&beside),
        median(&grown_alone),
        median(&grown_beside),
        options.slow,
        cost[0],
    );
    vec![
        Verdict::at_most(
            "P10 p99 of delivery beside slow readers, over alone",
            p99(&beside) / p99(&alone),
            RATIO,
            "",
        ),
        Verdict::at_most(
            "P10 growth of memory in a phase beside slow readers, beyond one alone",
            median(&grown_beside) - median(&grown_alone),
            GROWTH_MIB,
            " MiB",
        ),
    ]
}

/// Takes everything at once, and writes down how long each word was under way.
async fn read(mut socket: Socket, clock: Clock, samples: Samples) {
    while let Incoming::Frame(frame) = socket.next().await {
        if frame["type"] == "delta" {
            let text = frame["data"]["text"].as_str().unwrap_or_default();
            clock.ages(text).for_each(|age| samples.add(age));
        }
    }
}

/// Spread over everybody's answers, sockets and streams in turn. Every fifth takes nothing.
fn slow_readers(answers: &[Streaming], count: usize, dice: &mut Dice) -> Crowd {
    let mut slow = Crowd::default();
    for number in 0..count {
        let answer = &answers[number % answers.len()];
        let via = [slow::Via::Socket, slow::Via::Events][number % 2];
        let rate = if number % 5 == 0 {
            0
        } else {
            dice.within(1..SLOW_RATE + 1)
        };
        slow.add(slow::read(
            answer.client.clone(),
            via,
            answer.conversation.clone(),
            answer.beginning.clone(),
            usize::try_from(rate).unwrap(),
            slow.present.clone(),
        ));
    }
    slow
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1_024.0
}
