//! P23: no run loops or spends without bound. Models that always call tools, always fail, never
//! stop: each run ends by a limit that it names, after a bounded number of model calls, tokens and
//! seconds, and with an answer without tools where there can be one.

use std::time::{Duration, Instant};

use chaos::database::Kind;
use chaos::reading::{self, Reading, Via};
use chaos::rig::{self, Rig};
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::scripted::{Ended, Script};
use testkit::{Client, ScriptedModel, Witness};

const STEPS: usize = 16;
const WALL: Duration = Duration::from_secs(5);
/// For everything that is bounded otherwise.
const LIMIT: Duration = Duration::from_secs(60);
const ANSWER_BYTES: usize = 1024 * 1024;
/// One call and its three retries.
const TRIES: usize = 4;

struct Case {
    name: &'static str,
    script: String,
    /// Model calls that may be made at most, and must have been at least.
    calls: (usize, usize),
    ends: Ends,
}

enum Ends {
    /// `complete`, with this limit in its `additional_data` and words for the user.
    Answered(&'static str),
    /// `failed`, with this code.
    Failed(&'static str),
    Complete,
}

fn cases() -> Vec<Case> {
    let calculate = r#"tool=calculator args={"expression":"1+1"}"#;
    let case = |name, script: &str, calls, ends| Case {
        name,
        script: script.to_owned(),
        calls,
        ends,
    };
    let steps = (STEPS, STEPS);
    let many = format!(
        "{} then tokens=5",
        "tool=todo_add args={\"title\":\"one of many\"} ".repeat(20)
    );
    vec![
        case(
            "tools",
            &format!("{calculate} repeat"),
            steps,
            Ends::Answered("steps"),
        ),
        // Asked for words without tools, it asks for tools all the same.
        case(
            "stubborn",
            &format!("{calculate} stubborn repeat"),
            steps,
            Ends::Failed("limit_reached"),
        ),
        case(
            "failing tools",
            r#"tool=calculator args={"expression":"nonsense +"} tool=no_such_tool repeat"#,
            steps,
            Ends::Answered("steps"),
        ),
        case("many at once", &many, (2, 2), Ends::Complete),
        case(
            "500",
            "fault=500",
            (TRIES, TRIES),
            Ends::Failed("model_upstream"),
        ),
        case(
            "breaks",
            "fault=reset@3",
            (1, 1),
            Ends::Failed("model_interrupted"),
        ),
        case(
            "chatter",
            "fault=chatter@3 delay_ms=20",
            (1, 1),
            Ends::Failed("model_stalled"),
        ),
        case(
            "endless text",
            "tokens=1000 pad=1000 endless",
            (1, 1),
            Ends::Answered("answer_bytes"),
        ),
        case(
            "endless thoughts",
            "reasoning=3000 pad=1000",
            (1, 1),
            Ends::Failed("limit_reached"),
        ),
        case(
            "endless arguments",
            &format!(
                "tool=todo_add args={{\"title\":\"{}\"}}",
                "x".repeat(1_200_000)
            ),
            (1, 1),
            Ends::Failed("model_protocol"),
        ),
    ]
}

/// These would go on for ever, and are ended by the clock.
fn endless() -> Vec<Case> {
    let case = |name, script: &str, calls, ends| Case {
        name,
        script: script.to_owned(),
        calls: (calls, calls),
        ends,
    };
    let (spoken, silent) = (Ends::Answered("time"), Ends::Failed("limit_reached"));
    vec![
        case(
            "endless, slowly",
            "tokens=10 delay_ms=50 endless",
            1,
            spoken,
        ),
        case("thinking, slowly", "reasoning=1000 delay_ms=50", 1, silent),
        // Once more, without it.
        case(
            "a tool that hangs",
            "tool=hang repeat tokens=3",
            2,
            Ends::Answered("time"),
        ),
    ]
}

async fn bounds(kind: Kind) {
    let witness = Witness::start().await;
    witness.behave(testkit::Behaviour::Hang);
    let wall = format!(
        "[limits]\nrun_seconds = {}\n[[tools]]\nname = \"hang\"\ndescription = \"Never answers.\"\n\
         schema = {{ type = \"object\" }}\nmethod = \"POST\"\nurl = \"{}\"\npolicy = \"allow\"\n",
        WALL.as_secs(),
        witness.url()
    );
    // Long enough that answers of a megabyte beside each other are not taken for stalls.
    let stalls = "[limits]\nmodel_first_token_seconds = 10\nmodel_next_token_seconds = 10\n";
    tokio::join!(
        run(kind, stalls, cases(), LIMIT),
        run(kind, &wall, endless(), LIMIT),
        tokens(kind),
    );
}

async fn run(kind: Kind, toml: &str, cases: Vec<Case>, limit: Duration) {
    let mut rig = Rig::new(kind, toml).await;
    let server = rig.start().await;
    let mut running = Vec::new();
    for (number, case) in cases.into_iter().enumerate() {
        let client = rig::user(&server, &format!("spender{number}")).await;
        // A script of a megabyte fits no message: it goes by the model's name.
        let name = format!("case{number}");
        rig.model
            .script(&name, Script::parse(&case.script).unwrap());
        running.push(one(case, name, client, &rig.model, limit));
    }
    let lines = join_all(running).await;
    rig.finish(server).await;
    lines
        .iter()
        .for_each(|line| println!("{}: {line}", kind.name()));
}

async fn one(
    case: Case,
    name: String,
    client: Client,
    model: &ScriptedModel,
    limit: Duration,
) -> String {
    let conversation = rig::conversation(&client).await;
    let beginning = reading::end(&client).await;
    let started = Instant::now();
    let body = json!({
        "content": "go on", "conversation_id": conversation, "model": format!("openai/{name}")});
    let run = rig::ask(&client, &body).await;
    let read = |via| {
        let reading = Reading::since(&beginning, &conversation);
        reading::read(&client, via, reading, &run, limit)
    };
    let readings = <[Reading; 2]>::from(tokio::join!(read(Via::Socket), read(Via::Stream)));
    let took = started.elapsed();
    let answer = rig::newest(&client, &conversation).await;
    let state = client.get(&format!("/chat/runs/{run}")).await.expect(200);
    let data = &answer["additional_data"];
    let text = answer["content"].as_str().unwrap();
    let what = case.name;
    match case.ends {
        Ends::Answered(limit) => {
            assert_eq!(
                (&answer["status"], &data["limit"]),
                (&json!("complete"), &json!(limit)),
                "{what}"
            );
            assert!(!text.is_empty(), "{what}");
        }
        Ends::Failed(code) => {
            assert_eq!(answer["status"], "failed", "{what}: {answer:#}");
            assert_eq!(data["error"]["code"], code, "{what}: {data}");
            assert!(
                code != "limit_reached" || data["limit"].is_string(),
                "{what}: {data}"
            );
            assert!(
                data["error"]["detail"].as_str().unwrap().len() > 20,
                "{what}: {data}"
            );
        }
        Ends::Complete => assert_eq!(answer["status"], "complete", "{what}"),
    }
    for reading in readings {
        assert_eq!(reading.broken, [""; 0], "{what}");
        assert_eq!(
            reading.ended[&run],
            state["state"].as_str().unwrap(),
            "{what}"
        );
        let known = &reading.known.messages[&answer["id"].as_i64().unwrap()];
        assert_eq!(known.text, text, "{what}");
    }
    assert!(
        text.len() <= ANSWER_BYTES + 1_000,
        "{what}: {} bytes",
        text.len()
    );
    let calls: Vec<_> = model
        .answers()
        .into_iter()
        .filter(|call| call.model() == name)
        .collect();
    let (least, most) = case.calls;
    assert!(
        (least..=most).contains(&calls.len()),
        "{what}: {} model calls",
        calls.len()
    );
    // Nobody goes on paying for what nobody reads.
    let closed = async || {
        let calls = model.answers();
        let open = calls
            .iter()
            .any(|call| call.model() == name && call.ended == Ended::Running);
        (!open).then_some(())
    };
    rig::poll("the upstream is closed", LIMIT, closed).await;
    if calls.len() == STEPS {
        let offered = |call: &testkit::scripted::Recorded| {
            call.body["tools"]
                .as_array()
                .is_some_and(|tools| !tools.is_empty())
        };
        assert!(offered(&calls[0]) && !offered(&calls[STEPS - 1]), "{what}");
    }
    if what == "many at once" {
        let todos = client.get("/todos").await.expect(200);
        assert_eq!(
            todos["todos"].as_array().unwrap().len(),
            8,
            "calls of one step"
        );
    }
    format!(
        "{what}: {} model calls, {} ms",
        calls.len(),
        took.as_millis()
    )
}

/// The provider counts, and the run's budget ends it before its steps do.
async fn tokens(kind: Kind) {
    let mut rig = Rig::new(kind, "[limits]\nrun_tokens = 600\n").await;
    let server = rig.start().await;
    let client = rig::user(&server, "spender").await;
    let script = r#"[[script: tool=calculator args={"expression":"1+1"} repeat]]"#;
    let sent = client.send(json!({ "content": script })).await.expect(200);
    assert_eq!(sent["ai_message"]["status"], "complete");
    assert_eq!(sent["ai_message"]["additional_data"]["limit"], "tokens");
    assert_ne!(sent["ai_message"]["content"], "");
    let run = sent["run_id"].as_str().unwrap();
    let run: Value = client.get(&format!("/chat/runs/{run}")).await.expect(200);
    let calls = rig.model.answers().len();
    assert!((2..STEPS).contains(&calls), "{calls} model calls; {run}");
    rig.finish(server).await;
    println!(
        "{}: tokens: {calls} model calls; {}",
        kind.name(),
        run["usage"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    bounds(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    bounds(Kind::Postgres).await;
}
