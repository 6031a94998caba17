//! Asked before: nothing is done that its user did not see and allow.

use domain::ToolPolicy;
use serde_json::{Value, json};
use testkit::witness::Entry;
use testkit::{Witness, scripted_text};
use tools::HttpToolConfig;

use crate::orders::{
    ORDER, allowed, ask, assert_whole, databases, decide, decision, ended, next_turn_works, order,
    outcome, restarted, start, text, told, waiting,
};

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
                at_ms: witness.entries()[0].at_ms,
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
            let (app, user) = restarted(app, &user).await;
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
