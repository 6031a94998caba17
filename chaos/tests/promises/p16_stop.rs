//! P16: stop means stop. At random tokens, and on the heels of a tool's call: nothing after `cancelled`
//! on any stream, the upstream closed within a second, no call of a tool at its service once the stop
//! was acknowledged; the text until then is kept. `REJOINDER_SEED` repeats a run.
//!
//! A machine that is busy with other things may hold one of them up for longer. A server that only
//! noticed with its next look at its leases, every three seconds, would be late most of the time. Stops
//! while the model speaks are counted apart: between two model calls there is nothing to be closed, and
//! such a stop would make up for one that was late.

use std::time::{Duration, Instant};

use chaos::database::Kind;
use chaos::reading::{self, Reading, Via};
use chaos::rig::{self, Rig};
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::scripted::{Ended, Recorded};
use testkit::{Client, Dice, ScriptedModel, Witness, scripted_text};

const USERS: u64 = 6;
const STOPS: u64 = 6;
const LIMIT: Duration = Duration::from_secs(90);
/// Promised of the upstream.
const CLOSED: Duration = Duration::from_secs(1);
/// One in so many, of either kind, may be late for the machine's sake, but not by more than [`LIMIT`].
const LATE: usize = 6;

async fn stops(kind: Kind) {
    let seed = Dice::seed();
    println!("{}: seed {seed}", kind.name());
    let mut dice = Dice::new(seed);
    let witness = Witness::start().await;
    let mut rig = Rig::new(kind, &tool(witness.url())).await;
    let server = rig.start().await;
    let mut users = Vec::new();
    for number in 0..USERS {
        let client = rig::user(&server, &format!("stopper{number}")).await;
        let (model, witness, dice) = (&rig.model, &witness, dice.split());
        users.push(async move {
            let (mut dice, mut stops) = (dice, Vec::new());
            for stop in 0..STOPS {
                let note = format!("note {number}-{stop}.");
                let aimed = stop % 2 == 0;
                stops.push(stop_one(&client, model, witness, &mut dice, &note, aimed).await);
            }
            stops
        });
    }
    let stops: Vec<Stop> = join_all(users).await.into_iter().flatten().collect();
    let count = |wanted: fn(&Stop) -> bool| stops.iter().filter(|stop| wanted(stop)).count();
    let cancelled = count(|stop| stop.cancelled);
    // Throws that all come after the end would prove nothing.
    assert!(
        cancelled * 2 > stops.len(),
        "{cancelled} of {}",
        stops.len()
    );
    for speaking in [true, false] {
        let stops = stops.iter().filter(|stop| stop.cancelled);
        let kind: Vec<_> = stops.filter(|stop| stop.speaking == speaking).collect();
        let late = kind.iter().filter(|stop| stop.closed > CLOSED).count();
        let all = kind.len();
        assert!(!speaking || all >= 3, "{all} stops while the model spoke");
        assert!(
            late <= all.div_ceil(LATE),
            "speaking {speaking}: {late} of {all} upstreams were open for more than {CLOSED:?}"
        );
    }
    // And of the half that is aimed at a call most must come before the end.
    let aimed = count(|stop| stop.aimed);
    assert!(aimed * 3 > stops.len(), "{aimed} of {}", stops.len());
    rig.finish(server).await;
    println!(
        "{}: {} stops, {cancelled} before the end, {aimed} on the heels of a call, {} after it had \
         arrived; upstream closed after at most {} ms",
        kind.name(),
        stops.len(),
        count(|stop| stop.called),
        stops
            .iter()
            .map(|stop| stop.closed.as_millis())
            .max()
            .unwrap()
    );
}

/// Effectful, and allowed without asking: a call leaves as soon as the model asks for it.
fn tool(url: &str) -> String {
    format!(
        "[[tools]]\nname = \"write_down\"\ndescription = \"Writes a note down.\"\n\
         schema = {{ type = \"object\", properties = {{ note = {{ type = \"string\" }} }} }}\n\
         method = \"POST\"\nurl = \"{url}\"\nclass = \"effectful\"\npolicy = \"allow\"\n"
    )
}

struct Stop {
    cancelled: bool,
    /// The model was, as the stop was sent; otherwise a tool was called, or nobody was asked yet.
    speaking: bool,
    /// At the moment the run told of its call, and before the run's end.
    aimed: bool,
    called: bool,
    /// From the stop's being sent to the end of the last model call.
    closed: Duration,
}

async fn stop_one(
    client: &Client,
    model: &ScriptedModel,
    witness: &Witness,
    dice: &mut Dice,
    note: &str,
    aimed: bool,
) -> Stop {
    let conversation = rig::conversation(client).await;
    let beginning = reading::end(client).await;
    let arguments = json!({ "note": note });
    let script = format!(
        "[[script: before=20 delay_ms=15 tool=write_down args={arguments} then tokens=40 delay_ms=15]]"
    );
    let run = rig::send(client, &conversation, &script).await;
    let by_socket = dice.one_in(2);
    let stopping = async {
        let mut socket = client.socket(Some(&beginning), &[]).await;
        if aimed {
            // Known to the run, and just about to leave.
            let told = |frame: &Value| frame["type"] == "tool";
            socket.until(told).await;
        } else {
            // At which token is a throw of the dice.
            tokio::time::sleep(Duration::from_millis(dice.within(0..1_100))).await;
        }
        let open = || {
            let mine = calls_of(model, note);
            mine.iter().any(|call| call.ended == Ended::Running)
        };
        let speaking = open();
        let at = Instant::now();
        let told = async {
            if by_socket {
                socket.send("stop", None, json!({ "run_id": run })).await;
                // Its only acknowledgement.
                let ended = |frame: &Value| {
                    let state = frame["data"]["state"].as_str().unwrap_or_default();
                    frame["type"] == "run" && ["cancelled", "completed"].contains(&state)
                };
                socket.until(ended).await;
            } else {
                let path = format!("/chat/runs/{run}/cancel");
                client.post(&path, json!({})).await.expect(200);
            }
            acknowledged(witness, &run).await;
        };
        let closed = async {
            let closed = async || (!open()).then_some(());
            rig::poll("the upstream is closed", LIMIT, closed).await;
            at.elapsed()
        };
        (speaking, tokio::join!(told, closed).1)
    };
    let read = |via, reading| reading::read(client, via, reading, &run, LIMIT);
    let ((speaking, closed), socket, stream) = tokio::join!(
        stopping,
        read(Via::Socket, Reading::since(&beginning, &conversation)),
        read(Via::Stream, Reading::since(&beginning, &conversation)),
    );
    let bought = calls_of(model, note).len();

    // The feed goes on, and nothing of the run comes with it any more.
    let marker = rig::send(client, &conversation, "[[script: tokens=3]]").await;
    let read = |via, reading| reading::read(client, via, reading, &marker, LIMIT);
    let (socket, stream) = tokio::join!(read(Via::Socket, socket), read(Via::Stream, stream));
    let messages = client.messages(&conversation).await;
    for reading in [&socket, &stream] {
        assert_eq!(reading.broken, [""; 0]);
        assert_eq!(reading.after_end, Vec::<Value>::new());
        for message in &messages {
            let known = &reading.known.messages[&message["id"].as_i64().unwrap()];
            assert_eq!(message["content"], known.text.as_str(), "{note}");
            assert_eq!(message["status"], known.status.as_str(), "{note}");
        }
    }
    assert_eq!(
        calls_of(model, note).len(),
        bought,
        "asked after the stop: {note}"
    );
    let cancelled = socket.ended[&run] == "cancelled";
    if cancelled {
        kept(&messages);
    } else {
        assert_eq!(socket.ended[&run], "completed");
    }
    Stop {
        cancelled,
        speaking,
        aimed: aimed && cancelled,
        called: called_as_told(witness, &messages, note, &run),
        closed,
    }
}

/// Has the witness write down that the stop is acknowledged, as it writes down a call: a clock that is
/// read here could be read before it has come to a call that is there already.
async fn acknowledged(witness: &Witness, run: &str) {
    let service = Client::new(witness.url());
    service.get(&format!("/stopped/{run}")).await.expect(200);
}

fn calls_of(model: &ScriptedModel, note: &str) -> Vec<Recorded> {
    let of_note = |call: &Recorded| {
        let asked = call
            .messages()
            .iter()
            .rfind(|message| message["role"] == "user");
        asked.is_some_and(|asked| asked["content"].to_string().contains(note))
    };
    model.answers().into_iter().filter(of_note).collect()
}

/// The answer that was being written is marked, and what it says is the beginning of its script.
fn kept(messages: &[Value]) {
    let marked: Vec<_> = messages
        .iter()
        .filter(|m| m["status"] == "cancelled")
        .collect();
    assert_eq!(marked.len(), 1, "{messages:#?}");
    let text = marked[0]["content"].as_str().unwrap();
    assert!(scripted_text(40).starts_with(text), "{text}");
    let open = messages
        .iter()
        .any(|m| m["status"] == "streaming" || m["status"] == "queued");
    assert!(!open, "{messages:#?}");
}

/// Whether the tool was called. Once at most, never once the stop was acknowledged, and never behind
/// the user's back: a call that is told as not made was not made.
fn called_as_told(witness: &Witness, messages: &[Value], note: &str, run: &str) -> bool {
    let entries = witness.entries();
    let stopped = entries.iter().find(|entry| entry.path.ends_with(run));
    let stopped = stopped.unwrap().at_ms;
    let called: Vec<i64> = entries
        .iter()
        .filter(|entry| entry.body["note"] == note)
        .map(|entry| entry.at_ms - stopped)
        .collect();
    let calls = called.len();
    assert!(calls <= 1, "{calls} calls of {note}");
    assert!(
        called.iter().all(|late| *late <= 0),
        "{note}: called {called:?} ms after the stop was acknowledged"
    );
    let told = messages
        .iter()
        .find(|message| message["message_type"] == "tool_result");
    let success = told.map(|result| result["tool_success"].as_str().unwrap_or_default());
    match success {
        Some("true") => assert_eq!(calls, 1, "{note}"),
        Some("unknown") => {}
        Some(_) | None => assert_eq!(calls, 0, "{note}: {told:?}"),
    }
    calls == 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    stops(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    stops(Kind::Postgres).await;
}
