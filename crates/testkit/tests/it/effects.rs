//! Effects outside: made at most once, one after the other, and honest where nobody knows. The
//! witness says what has happened.

use std::time::Duration;

use domain::ToolClass;
use serde_json::{Value, json};
use testkit::{Behaviour, Client, Port, TestApp, Witness};
use tools::HttpToolConfig;

use crate::orders::{
    ORDER, allowed, ask, assert_whole, databases, decide, ended, next_turn_works, of_type, order,
    outcome, restarted, start, text, told, waiting,
};

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

        let (app, user) = restarted(app, &user).await;
        next_turn_works(&user, &sent).await;
        assert_eq!(witness.entries().len(), 1);
        app.stop().await;
    }
}

/// A user whose one call has been made, and not answered.
async fn under_way(app: &TestApp, witness: &Witness) -> (Client, Value) {
    witness.behave(Behaviour::Hang);
    let user = app.user().await;
    let sent = user.try_send_async(&json!({ "content": ORDER })).await;
    let sent = sent.unwrap().expect(202);
    witness.acted(1).await;
    (user, sent)
}

#[tokio::test]
async fn p5_a_restart_while_the_call_is_under_way_leaves_it_unknown() {
    for database in databases().await {
        let witness = Witness::start().await;
        let app = start(database, allowed(witness.url())).await;
        let (user, sent) = under_way(&app, &witness).await;
        witness.behave(Behaviour::Answer);
        let (app, user) = restarted(app, &user).await;
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
        let tool = HttpToolConfig {
            class: ToolClass::Keyed,
            idempotency_header: Some("Idempotency-Key".to_owned()),
            ..allowed(witness.url())
        };
        let app = start(database, tool).await;
        let (user, sent) = under_way(&app, &witness).await;
        witness.behave(Behaviour::Answer);
        let (app, user) = restarted(app, &user).await;
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
        let app = start(database, allowed(witness.url())).await;
        let (user, sent) = under_way(&app, &witness).await;
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
        (Behaviour::Die, "unknown", "may or may not"),
    ];
    what_is_known(HttpToolConfig::DEFAULT_TIMEOUT, &cases).await;
    // For the whole exchange, and so for the call to be written down as well.
    let hangs = [(Behaviour::Hang, "unknown", "too long")];
    what_is_known(Duration::from_secs(5), &hangs).await;
}

async fn what_is_known(timeout: Duration, cases: &[(Behaviour, &str, &str)]) {
    let witness = Witness::start().await;
    for class in [ToolClass::Effectful, ToolClass::ReadOnly] {
        for database in databases().await {
            let tool = HttpToolConfig {
                class,
                timeout,
                ..allowed(witness.url())
            };
            let app = start(database, tool).await;
            let user = app.user().await;
            for (behaviour, state, words) in cases {
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
        let port = Port::take();
        let tool = allowed(&format!("http://{}", port.address));
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

/// The states that calls run through, as the feed says them: which call, and how it is now.
async fn turns(app: &TestApp, content: &str) -> Vec<(usize, String)> {
    let user = app.user().await;
    let mut socket = user.socket(None, &[]).await;
    socket.frame("connection").await;
    user.try_send_async(&json!({ "content": content }))
        .await
        .unwrap()
        .expect(202);
    let mut calls: Vec<String> = Vec::new();
    let mut turns = Vec::new();
    loop {
        let frame = socket.until(|_| true).await;
        let data = &frame["data"];
        if frame["type"] == "run" && data["state"] == "completed" {
            return turns;
        }
        if frame["type"] != "tool" {
            continue;
        }
        let id = text(data, "call_id");
        let known = calls.iter().position(|call| call == id);
        let call = known.unwrap_or_else(|| {
            calls.push(id.to_owned());
            calls.len() - 1
        });
        let state = text(data, "state");
        if ["running", "succeeded"].contains(&state) {
            turns.push((call, state.to_owned()));
        }
    }
}

#[tokio::test]
async fn calls_with_effects_are_made_one_after_the_other_and_others_side_by_side() {
    let content = concat!(
        r#"Order [[script: tool=order args={"sku":"A"} tool=order args={"sku":"B"} "#,
        r#"tool=order args={"sku":"C"} tokens=1]]"#,
    );
    for database in databases().await {
        let witness = Witness::start().await;
        let app = start(database, allowed(witness.url())).await;
        let turns = turns(&app, content).await;
        let each = |call| [(call, "running".to_owned()), (call, "succeeded".to_owned())];
        assert_eq!(turns, [each(0), each(1), each(2)].concat());
        let order: Vec<_> = witness.entries().into_iter().map(|e| e.path).collect();
        assert_eq!(order, ["/orders/A", "/orders/B", "/orders/C"]);
        app.stop().await;
    }
    for database in databases().await {
        let witness = Witness::start().await;
        let tool = HttpToolConfig {
            class: ToolClass::ReadOnly,
            ..allowed(witness.url())
        };
        let app = start(database, tool).await;
        let turns = turns(&app, content).await;
        let began: Vec<_> = turns[..3].iter().map(|(call, _)| *call).collect();
        assert_eq!(began, [0, 1, 2]);
        assert!(turns[..3].iter().all(|(_, state)| state == "running"));
        app.stop().await;
    }
}

/// What could be cut by the drain's end, and then be unknown, is left to the next server.
#[tokio::test]
async fn p5_no_effect_is_begun_by_a_server_that_is_about_to_stop() {
    let content = concat!(
        r#"Order [[script: tool=order args={"sku":"A"} "#,
        r#"tool=order args={"sku":"B"} tokens=1]]"#,
    );
    for database in databases().await {
        let witness = Witness::start().await;
        // The drain lasts 300 ms: the first call fits, the second would not.
        witness.behave(Behaviour::Slow(Duration::from_millis(200)));
        let app = start(database, allowed(witness.url())).await;
        let user = app.user().await;
        let sent = user.try_send_async(&json!({ "content": content })).await;
        let sent = sent.unwrap().expect(202);
        witness.acted(1).await;
        let (app, user) = restarted(app, &user).await;
        let (state, messages) = ended(&user, &sent).await;
        assert_eq!(state, "completed");
        let mut results = messages
            .iter()
            .filter(|m| m["message_type"] == "tool_result");
        assert_eq!(results.nth(1).unwrap()["tool_success"], "true");
        let order: Vec<_> = witness.entries().into_iter().map(|e| e.path).collect();
        assert_eq!(order, ["/orders/A", "/orders/B"]);
        app.stop().await;
    }
}
