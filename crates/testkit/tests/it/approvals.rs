//! Tools with effects outside: asked before, made at most once, and honest where nobody knows. The
//! witness says what has happened.

use std::time::Duration;

use domain::{ToolClass, ToolPolicy};
use serde_json::{Value, json};
use testkit::app::Options;
use testkit::witness::Entry;
use testkit::{Behaviour, Client, TestApp, TestDatabase, Witness, scripted_text};
use tools::{HttpMethod, HttpToolConfig};

pub(crate) const ORDER: &str = r#"Order [[script: tool=order args={"sku":"A-1","n":2} tokens=3]]"#;

pub(crate) async fn databases() -> Vec<TestDatabase> {
    [Some(TestDatabase::sqlite()), TestDatabase::postgres().await]
        .into_iter()
        .flatten()
        .collect()
}

/// Effectful and asked for: what an operator gets who says nothing.
pub(crate) fn order(url: &str) -> HttpToolConfig {
    HttpToolConfig {
        name: "order".to_owned(),
        description: "Orders goods.".to_owned(),
        schema: json!({
            "type": "object",
            "properties": {
                "sku": { "type": "string", "minLength": 1 },
                "n": { "type": "integer", "minimum": 1 }
            },
            "required": ["sku"],
            "additionalProperties": false
        }),
        method: HttpMethod::Post,
        url: format!("{url}/orders/{{sku}}"),
        headers: vec![(
            "Authorization".to_owned(),
            "Bearer s3cret".to_owned().into(),
        )],
        class: ToolClass::Effectful,
        policy: ToolPolicy::Ask,
        timeout: HttpToolConfig::DEFAULT_TIMEOUT,
        idempotency_header: None,
    }
}

/// Made without asking.
pub(crate) fn allowed(url: &str) -> HttpToolConfig {
    HttpToolConfig {
        policy: ToolPolicy::Allow,
        ..order(url)
    }
}

pub(crate) async fn start(database: TestDatabase, tool: HttpToolConfig) -> TestApp {
    let options = Options {
        tools: tools::toolbox(&[tool]).unwrap(),
        ..Options::default()
    };
    TestApp::with(database, options).await
}

pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

/// Sends and waits until the run ends or asks.
pub(crate) async fn ask(user: &Client, content: &str) -> Value {
    user.send(json!({ "content": content })).await.expect(200)
}

/// The one approval that waits.
pub(crate) async fn waiting(user: &Client) -> Value {
    let mut listed = user.get("/chat/approvals").await.expect(200);
    let all = listed["approvals"].as_array_mut().unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

pub(crate) fn decision(approval: &Value, decision: &str) -> (String, Value) {
    let path = format!("/chat/approvals/{}", text(approval, "approval_id"));
    let hash = text(approval, "arguments_hash");
    (
        path,
        json!({ "decision": decision, "arguments_hash": hash }),
    )
}

pub(crate) async fn decide(user: &Client, approval: &Value, word: &str) -> Value {
    let (path, body) = decision(approval, word);
    user.post(&path, body).await.expect(200)
}

/// Follows a run to its end. Answers its state and the conversation, which is whole.
pub(crate) async fn ended(user: &Client, sent: &Value) -> (String, Vec<Value>) {
    let run = text(sent, "run_id");
    let mut events = user
        .try_events(&format!("/chat/runs/{run}/events"))
        .await
        .unwrap();
    while let Some(event) = events.next().await {
        event.unwrap();
    }
    let run = user.get(&format!("/chat/runs/{run}")).await.expect(200);
    let messages = user.messages(text(sent, "conversation_id")).await;
    assert_whole(&messages);
    (text(&run, "state").to_owned(), messages)
}

/// Every call has exactly one result behind it, and no message is left open.
pub(crate) fn assert_whole(messages: &[Value]) {
    let calls = |kind: &str| -> Vec<&str> {
        let of_kind = messages.iter().filter(|m| m["message_type"] == kind);
        of_kind
            .map(|m| text(&m["additional_data"], "call_id"))
            .collect()
    };
    assert_eq!(calls("tool_call"), calls("tool_result"));
    for message in messages {
        let open = ["queued", "streaming", "awaiting_approval"];
        assert!(!open.contains(&text(message, "status")), "{message}");
    }
}

pub(crate) fn of_type<'a>(messages: &'a [Value], kind: &str) -> &'a Value {
    let mut found = messages.iter().filter(|m| m["message_type"] == kind);
    let first = found.next().unwrap();
    assert!(found.next().is_none(), "more than one {kind}");
    first
}

/// State of the call as its message has it, `tool_success`, and the result.
pub(crate) fn outcome(messages: &[Value]) -> (&str, &str, &Value) {
    let call = &of_type(messages, "tool_call")["additional_data"];
    let result = of_type(messages, "tool_result");
    (
        text(call, "state"),
        text(result, "tool_success"),
        &result["additional_data"]["result"],
    )
}

/// What the model was last told of the call.
pub(crate) fn told(app: &TestApp) -> String {
    let request = app.model.answers().pop().unwrap();
    let result = request.messages().iter().rfind(|m| m["role"] == "tool");
    result.unwrap()["content"].to_string()
}

/// The next turn of a conversation works, whatever happened in it.
pub(crate) async fn next_turn_works(user: &Client, sent: &Value) {
    let id = text(sent, "conversation_id");
    let body = json!({ "content": "And now? [[script: tokens=1]]", "conversation_id": id });
    let again = user.send(body).await.expect(200);
    assert_eq!(again["ai_message"]["status"], "complete");
}

#[tokio::test]
async fn an_approved_call_is_made_once() {
    for database in databases().await {
        let witness = Witness::start().await;
        let app = start(database, order(witness.url())).await;
        let user = app.user().await;
        let mut socket = user.socket(None, &[]).await;
        socket.frame("connection").await;

        let sent = ask(&user, ORDER).await;
        assert_eq!(sent["ai_message"]["status"], "awaiting_approval");
        let run = user
            .get(&format!("/chat/runs/{}", text(&sent, "run_id")))
            .await
            .expect(200);
        assert_eq!(run["state"], "awaiting_approval");
        let approval = waiting(&user).await;
        assert_eq!(approval["tool_name"], "order");
        assert_eq!(approval["arguments"], json!({"sku": "A-1", "n": 2}));
        assert_eq!(approval["decision"], Value::Null);
        // The whole call, with where it goes, and nothing of the operator's secrets.
        let target = format!("POST {}/orders/A-1", witness.url());
        assert_eq!(approval["target"], target);
        assert!(!approval.to_string().contains("s3cret"));
        assert_eq!(socket.frame("approval").await["data"], approval);
        assert_eq!(witness.entries(), []);

        let decided = decide(&user, &approval, "approve").await;
        assert_eq!(decided["decision"], "approve");
        assert_eq!(socket.frame("approval").await["data"], decided);
        let (state, messages) = ended(&user, &sent).await;
        assert_eq!(state, "completed");
        assert_eq!(messages.last().unwrap()["content"], scripted_text(3));
        let result = json!({"status": 200, "body": {"done": 1}});
        assert_eq!(outcome(&messages), ("succeeded", "true", &result));
        assert_eq!(
            witness.entries(),
            [Entry {
                method: "POST".to_owned(),
                path: "/orders/A-1".to_owned(),
                key: None,
                authorization: Some("Bearer s3cret".to_owned()),
                body: json!({"sku": "A-1", "n": 2}),
            }]
        );
        let none = json!({ "approvals": [] });
        assert_eq!(user.get("/chat/approvals").await.expect(200), none);
        next_turn_works(&user, &sent).await;
        assert_eq!(witness.entries().len(), 1);
    }
}

#[tokio::test]
async fn a_denied_call_is_not_made_and_the_model_is_told() {
    for database in databases().await {
        let witness = Witness::start().await;
        let app = start(database, order(witness.url())).await;
        let user = app.user().await;
        let sent = ask(&user, ORDER).await;
        decide(&user, &waiting(&user).await, "deny").await;
        let (state, messages) = ended(&user, &sent).await;
        assert_eq!(state, "completed");
        let (state, success, result) = outcome(&messages);
        assert_eq!((state, success), ("denied", "false"));
        assert!(text(result, "error").contains("did not allow"), "{result}");
        assert!(told(&app).contains("did not allow"));
        assert_eq!(witness.entries(), []);
        next_turn_works(&user, &sent).await;
    }
}

#[tokio::test]
async fn a_decision_is_about_what_was_shown_is_made_once_and_by_the_owner() {
    for database in databases().await {
        let witness = Witness::start().await;
        let app = start(database, order(witness.url())).await;
        let (user, other) = (app.user().await, app.user().await);
        let sent = ask(&user, ORDER).await;
        let approval = waiting(&user).await;
        let (path, body) = decision(&approval, "approve");

        let changed = json!({"decision": "approve", "arguments_hash": "0".repeat(64)});
        let answer = user.post(&path, changed).await;
        assert_eq!(answer.code(), "arguments_changed");
        answer.expect(409);
        // What is no hash at all reaches no database, from neither side.
        let mut socket = user.socket(None, &[]).await;
        socket.frame("connection").await;
        for hash in [
            "",
            "x",
            "\0",
            &"\0".repeat(64),
            &"F".repeat(64),
            &"0".repeat(65),
        ] {
            let data = json!({
                "approval_id": approval["approval_id"], "decision": "approve", "arguments_hash": hash,
            });
            socket.send("approval", None, data).await;
            let refused = socket.frame("error").await;
            assert_eq!(refused["data"]["code"], "validation", "{hash:?}: {refused}");
            let body = json!({ "decision": "approve", "arguments_hash": hash });
            let refused = user.post(&path, body).await.expect(422);
            assert_eq!(refused["errors"][0]["pointer"], "/arguments_hash");
        }
        drop(socket);

        let none = json!({ "approvals": [] });
        assert_eq!(other.get("/chat/approvals").await.expect(200), none);
        // As if it did not exist: the id of a run is no approval's either.
        let random = format!("/chat/approvals/{}", text(&sent, "run_id"));
        let mut answers = Vec::new();
        for path in [&path, &random] {
            let mut answer = other.post(path, body.clone()).await.expect(404);
            // What names the request, not what was asked for.
            let problem = answer.as_object_mut().unwrap();
            problem.retain(|key, _| !["request_id", "instance"].contains(&key.as_str()));
            answers.push(answer);
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!(waiting(&user).await, approval);
        assert_eq!(witness.entries(), []);

        // From many devices at once: one wins, and the others hear so.
        let decided =
            futures::future::join_all((0..8).map(|_| user.post(&path, body.clone()))).await;
        let won = decided.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(won, 1);
        for late in decided.into_iter().filter(|answer| answer.status != 200) {
            assert_eq!(late.code(), "already_decided");
            late.expect(409);
        }
        let deny = decision(&approval, "deny");
        let late = user.post(&deny.0, deny.1).await;
        assert_eq!(late.code(), "already_decided");
        late.expect(409);
        assert_eq!(ended(&user, &sent).await.0, "completed");
        assert_eq!(witness.entries().len(), 1);
    }
}

#[tokio::test]
async fn an_approval_outlives_the_server() {
    for (word, entries) in [("approve", 1), ("deny", 0)] {
        for database in databases().await {
            let witness = Witness::start().await;
            let app = start(database, order(witness.url())).await;
            let user = app.user().await;
            let sent = ask(&user, ORDER).await;
            let approval = waiting(&user).await;
            let token = user.token();

            let app = app.restart().await;
            let user = app.client();
            user.set_token(token);
            assert_eq!(waiting(&user).await, approval);
            assert_eq!(witness.entries(), []);
            decide(&user, &approval, word).await;
            let (state, messages) = ended(&user, &sent).await;
            assert_eq!(state, "completed");
            assert_eq!(messages.last().unwrap()["content"], scripted_text(3));
            assert_eq!(witness.entries().len(), entries);
            app.stop().await;
        }
    }
}

#[tokio::test]
async fn a_run_that_is_stopped_while_it_asks_ends_with_a_denial() {
    for database in databases().await {
        let witness = Witness::start().await;
        let app = start(database, order(witness.url())).await;
        let user = app.user().await;
        let sent = ask(&user, ORDER).await;
        let approval = waiting(&user).await;
        let stop = format!("/chat/runs/{}/cancel", text(&sent, "run_id"));
        user.post(&stop, json!({})).await.expect(200);
        let (state, messages) = ended(&user, &sent).await;
        assert_eq!(state, "cancelled");
        let (state, success, _) = outcome(&messages);
        assert_eq!((state, success), ("denied", "false"));
        let (path, body) = decision(&approval, "approve");
        let late = user.post(&path, body).await;
        assert_eq!(late.code(), "already_decided");
        late.expect(409);
        next_turn_works(&user, &sent).await;
        assert_eq!(witness.entries(), []);
    }
}

#[tokio::test]
async fn two_calls_are_asked_for_apart_and_wait_for_each_other() {
    for database in databases().await {
        let witness = Witness::start().await;
        let app = start(database, order(witness.url())).await;
        let user = app.user().await;
        let content = r#"Two [[script: tool=order args={"sku":"A"} tool=calculator
            args={"expression":"6*7"} tool=order args={"sku":"B"} tokens=1]]"#;
        let sent = ask(&user, content).await;
        let listed = user.get("/chat/approvals").await.expect(200);
        let approvals = listed["approvals"].as_array().unwrap();
        assert_eq!(approvals.len(), 2);
        assert_ne!(
            approvals[0]["arguments_hash"],
            approvals[1]["arguments_hash"]
        );
        // The hash of one is no key to the other.
        let (path, _) = decision(&approvals[0], "approve");
        let (_, body) = decision(&approvals[1], "approve");
        assert_eq!(user.post(&path, body).await.code(), "arguments_changed");

        decide(&user, &approvals[0], "deny").await;
        assert_eq!(waiting(&user).await, approvals[1]);
        assert_eq!(witness.entries(), []);
        decide(&user, &approvals[1], "approve").await;
        let run = text(&sent, "run_id");
        let mut events = user
            .try_events(&format!("/chat/runs/{run}/events"))
            .await
            .unwrap();
        while events.next().await.is_some() {}
        let messages = user.messages(text(&sent, "conversation_id")).await;
        assert_eq!(messages.last().unwrap()["content"], scripted_text(1));
        let results = messages
            .iter()
            .filter(|m| m["message_type"] == "tool_result");
        assert_eq!(results.count(), 3);
        let bodies: Vec<Value> = witness.entries().into_iter().map(|e| e.body).collect();
        assert_eq!(bodies, [approvals[1]["arguments"].clone()]);
    }
}

#[tokio::test]
async fn p5_a_service_that_dies_after_it_acted_leaves_the_call_unknown_and_unrepeated() {
    for database in databases().await {
        let witness = Witness::start().await;
        witness.behave(Behaviour::Die);
        let app = start(database, order(witness.url())).await;
        let user = app.user().await;
        let sent = ask(&user, ORDER).await;
        decide(&user, &waiting(&user).await, "approve").await;
        let (state, messages) = ended(&user, &sent).await;
        assert_eq!(state, "completed");
        let (state, success, result) = outcome(&messages);
        assert_eq!((state, success), ("unknown", "unknown"));
        assert!(text(result, "error").contains("may or may not"), "{result}");
        assert!(told(&app).contains("may or may not"));
        next_turn_works(&user, &sent).await;

        let token = user.token();
        let app = app.restart().await;
        let user = app.client();
        user.set_token(token);
        next_turn_works(&user, &sent).await;
        assert_eq!(witness.entries().len(), 1);
        app.stop().await;
    }
}

#[tokio::test]
async fn p5_a_restart_while_the_call_is_under_way_leaves_it_unknown() {
    for database in databases().await {
        let witness = Witness::start().await;
        witness.behave(Behaviour::Hang);
        let app = start(database, allowed(witness.url())).await;
        let user = app.user().await;
        let sent = user.try_send_async(&json!({ "content": ORDER })).await;
        let sent = sent.unwrap().expect(202);
        witness.acted(1).await;
        witness.behave(Behaviour::Answer);
        let token = user.token();
        let app = app.restart().await;
        let user = app.client();
        user.set_token(token);
        let (state, messages) = ended(&user, &sent).await;
        assert_eq!(state, "completed");
        let (state, success, _) = outcome(&messages);
        assert_eq!((state, success), ("unknown", "unknown"));
        assert_eq!(witness.entries().len(), 1);
        app.stop().await;
    }
}

#[tokio::test]
async fn p5_a_keyed_call_is_made_again_with_its_key() {
    for database in databases().await {
        let witness = Witness::start().await;
        witness.behave(Behaviour::Hang);
        let tool = HttpToolConfig {
            class: ToolClass::Keyed,
            idempotency_header: Some("Idempotency-Key".to_owned()),
            ..allowed(witness.url())
        };
        let app = start(database, tool).await;
        let user = app.user().await;
        let sent = user.try_send_async(&json!({ "content": ORDER })).await;
        let sent = sent.unwrap().expect(202);
        witness.acted(1).await;
        witness.behave(Behaviour::Answer);
        let token = user.token();
        let app = app.restart().await;
        let user = app.client();
        user.set_token(token);
        let (state, messages) = ended(&user, &sent).await;
        assert_eq!(state, "completed");
        assert_eq!(outcome(&messages).0, "succeeded");
        let call = &of_type(&messages, "tool_call")["additional_data"];
        let keys: Vec<_> = witness.entries().into_iter().map(|e| e.key).collect();
        let key = Some(text(call, "call_id").to_owned());
        assert_eq!(keys, [key.clone(), key]);
        app.stop().await;
    }
}

#[tokio::test]
async fn p5_a_stop_ends_a_slow_call_as_unknown() {
    for database in databases().await {
        let witness = Witness::start().await;
        witness.behave(Behaviour::Hang);
        let app = start(database, allowed(witness.url())).await;
        let user = app.user().await;
        let sent = user.try_send_async(&json!({ "content": ORDER })).await;
        let sent = sent.unwrap().expect(202);
        witness.acted(1).await;
        let asked = app.model.answers().len();
        let stop = format!("/chat/runs/{}/cancel", text(&sent, "run_id"));
        user.post(&stop, json!({})).await.expect(200);
        let (state, messages) = ended(&user, &sent).await;
        assert_eq!(state, "cancelled");
        let (state, success, _) = outcome(&messages);
        assert_eq!((state, success), ("unknown", "unknown"));
        assert_eq!(app.model.answers().len(), asked);
        assert_eq!(witness.entries().len(), 1);
        next_turn_works(&user, &sent).await;
    }
}

/// What a service does, and what is then said of a call of each class.
#[tokio::test]
async fn p5_what_is_known_is_said_and_no_more() {
    let page = |status, headers: &[(&str, &str)], body: &[u8]| {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Behaviour::Reply(status, headers.iter().map(own).collect(), body.to_vec())
    };
    let plain = ("content-type", "text/plain");
    let cases = [
        (
            Behaviour::Slow(Duration::from_millis(30)),
            "succeeded",
            "done",
        ),
        (page(204, &[], b""), "succeeded", "204"),
        (page(201, &[plain], b"Made."), "succeeded", "Made."),
        (page(200, &[], &[0xff; 9]), "succeeded", "body"),
        (
            Behaviour::fail(500, "out of paper"),
            "failed",
            "out of paper",
        ),
        (Behaviour::fail(404, &"x".repeat(9_000)), "failed", "404"),
        (Behaviour::fail(503, "later"), "failed", "later"),
        (Behaviour::fail(502, "no answer"), "unknown", "gateway"),
        (Behaviour::fail(504, "no answer"), "unknown", "gateway"),
        (
            page(307, &[("location", "/elsewhere")], b""),
            "failed",
            "not followed",
        ),
        (
            page(200, &[("content-encoding", "gzip")], b"zzz"),
            "succeeded",
            "compressed",
        ),
        (
            page(200, &[plain], &vec![b'y'; 2_000_000]),
            "succeeded",
            "yyy",
        ),
        (Behaviour::Hang, "unknown", "too long"),
        (Behaviour::Die, "unknown", "may or may not"),
    ];
    let witness = Witness::start().await;
    for class in [ToolClass::Effectful, ToolClass::ReadOnly] {
        for database in databases().await {
            let tool = HttpToolConfig {
                class,
                // For the whole exchange: the witness syncs its file before it answers.
                timeout: Duration::from_secs(3),
                ..allowed(witness.url())
            };
            let app = start(database, tool).await;
            let user = app.user().await;
            for (behaviour, state, words) in &cases {
                let before = witness.entries().len();
                witness.behave(behaviour.clone());
                let sent = ask(&user, ORDER).await;
                let messages = user.messages(text(&sent, "conversation_id")).await;
                assert_whole(&messages);
                let (found, success, result) = outcome(&messages);
                // Nobody needs to know whether something was read.
                let reading = class == ToolClass::ReadOnly && *state == "unknown";
                let (state, words) = match *words {
                    "gateway" if reading => ("failed", "with status 50"),
                    _ if reading => ("failed", "did not answer"),
                    words => (*state, words),
                };
                let said = result.to_string();
                assert_eq!(found, state, "{behaviour:?}: {said}");
                assert!(said.contains(words), "{behaviour:?}: {said:.300}");
                assert!(said.len() < 300_000, "{behaviour:?}: {}", said.len());
                assert!(!said.contains("s3cret"), "{behaviour:?}: {said}");
                assert_eq!(success == "unknown", state == "unknown");
                assert_eq!(witness.entries().len(), before + 1, "{behaviour:?}");
            }
            app.stop().await;
        }
    }
}

#[tokio::test]
async fn a_call_that_never_left_has_failed() {
    for database in databases().await {
        // A port that was free a moment ago, and is nobody's.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let tool = allowed(&format!("http://{address}"));
        let app = start(database, tool).await;
        let user = app.user().await;
        let sent = ask(&user, ORDER).await;
        let messages = user.messages(text(&sent, "conversation_id")).await;
        let (state, success, result) = outcome(&messages);
        assert_eq!((state, success), ("failed", "false"));
        assert!(
            text(result, "error").contains("nothing was sent"),
            "{result}"
        );
    }
}

#[tokio::test]
async fn wrong_arguments_go_back_to_the_model_and_nowhere_else() {
    for database in databases().await {
        let witness = Witness::start().await;
        let app = start(database, allowed(witness.url())).await;
        let user = app.user().await;
        for (arguments, word) in [
            (json!({"sku": ""}), "/sku"),
            (json!({"sku": "A", "n": 0}), "/n"),
            (json!({"sku": "A", "url": "http://evil.example"}), "url"),
            (json!({"sku": ".."}), "leads out"),
            (json!({}), "sku"),
        ] {
            let content = format!("No [[script: tool=order args={arguments} tokens=1]]");
            let sent = ask(&user, &content).await;
            let messages = user.messages(text(&sent, "conversation_id")).await;
            assert_whole(&messages);
            let (state, _, result) = outcome(&messages);
            assert_eq!(state, "failed", "{arguments}");
            assert!(
                text(result, "error").contains(word),
                "{arguments}: {result}"
            );
            assert!(told(&app).contains(word), "{arguments}");
        }
        assert_eq!(witness.entries(), []);
        // An argument stays inside its place.
        let content = r#"Odd [[script: tool=order args={"sku":"../a?b#c@d:1"} tokens=1]]"#;
        ask(&user, content).await;
        assert_eq!(witness.entries()[0].path, "/orders/..%2Fa%3Fb%23c%40d%3A1");
    }
}

#[tokio::test]
async fn a_tool_that_is_denied_is_neither_offered_nor_made() {
    for database in databases().await {
        let witness = Witness::start().await;
        let tool = HttpToolConfig {
            policy: ToolPolicy::Deny,
            ..order(witness.url())
        };
        let app = start(database, tool).await;
        let user = app.user().await;
        let sent = ask(&user, ORDER).await;
        assert_eq!(sent["ai_message"]["status"], "complete");
        let messages = user.messages(text(&sent, "conversation_id")).await;
        assert_eq!(outcome(&messages).0, "denied");
        let offered = app.model.answers()[0].body["tools"].to_string();
        assert!(offered.contains("calculator") && !offered.contains("\"order\""));
        assert_eq!(witness.entries(), []);
    }
}

#[tokio::test]
async fn nobody_is_asked_about_a_call_that_its_tool_would_refuse() {
    for database in databases().await {
        let witness = Witness::start().await;
        let app = start(database, order(witness.url())).await;
        let user = app.user().await;
        let sent = ask(
            &user,
            r#"Order [[script: tool=order args={"n":0} tokens=3]]"#,
        )
        .await;
        assert_eq!(sent["ai_message"]["content"], scripted_text(3));
        let (_, messages) = ended(&user, &sent).await;
        let (state, success, result) = outcome(&messages);
        assert_eq!((state, success), ("failed", "false"), "{result}");
        assert_eq!(
            user.get("/chat/approvals").await.expect(200)["approvals"],
            json!([])
        );
        assert!(witness.entries().is_empty());
    }
}

/// PostgreSQL stores no NUL: what a service says of its failure must not become a failure of ours.
#[tokio::test]
async fn what_a_service_says_with_nul_is_kept_and_said_once() {
    let plain = Behaviour::fail(500, "ill\0fated");
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    let json = Behaviour::Reply(409, headers, br#""ill\u0000fated""#.to_vec());
    for (class, behaviour) in [
        (ToolClass::Effectful, &plain),
        (ToolClass::Keyed, &json),
        (ToolClass::ReadOnly, &plain),
    ] {
        for database in databases().await {
            let witness = Witness::start().await;
            witness.behave(behaviour.clone());
            let tool = HttpToolConfig {
                class,
                ..allowed(witness.url())
            };
            let app = start(database, tool).await;
            let user = app.user().await;
            let sent = ask(&user, ORDER).await;
            assert_eq!(sent["ai_message"]["status"], "complete", "{class:?}");
            let (state, messages) = ended(&user, &sent).await;
            assert_eq!(state, "completed");
            let (state, success, result) = outcome(&messages);
            assert_eq!((state, success), ("failed", "false"), "{class:?}");
            let said = text(result, "error");
            assert!(said.ends_with("ill\u{fffd}fated"), "{said}");
            assert_eq!(witness.entries().len(), 1, "{class:?}");
        }
    }
}
