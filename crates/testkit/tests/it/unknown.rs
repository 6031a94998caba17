//! Calls of which nobody knows whether they happened: shown, decided once, and made again only at
//! their user's word. The witness says what has happened.

use domain::{ToolClass, ToolPolicy};
use serde_json::{Value, json};
use testkit::client::Answer;
use testkit::witness::Entry;
use testkit::{Behaviour, Client, TestApp, Witness, scripted_text};
use tools::HttpToolConfig;

use crate::orders::{
    ORDER, allowed, ask, assert_whole, databases, ended, next_turn_works, outcome, restarted,
    start, text, told,
};

/// A server with an order that the service acted on and never answered.
struct Doubt {
    witness: Witness,
    app: TestApp,
    user: Client,
    sent: Value,
    call: Value,
}

impl Doubt {
    async fn all(class: ToolClass) -> Vec<Self> {
        let mut all = Vec::new();
        for database in databases().await {
            let witness = Witness::start().await;
            witness.behave(Behaviour::Die);
            let tool = HttpToolConfig {
                class,
                idempotency_header: (class == ToolClass::Keyed)
                    .then(|| "Idempotency-Key".to_owned()),
                ..allowed(witness.url())
            };
            let app = start(database, tool).await;
            let user = app.user().await;
            let sent = ask(&user, ORDER).await;
            let call = undecided(&user).await.remove(0);
            assert_eq!(witness.entries().len(), 1);
            witness.behave(Behaviour::Answer);
            all.push(Self {
                witness,
                app,
                user,
                sent,
                call,
            });
        }
        all
    }

    /// What the server answers to a decision about the call.
    async fn answer(&self, decision: &str) -> Answer {
        let body = json!({ "decision": decision });
        self.user.post(&path(&self.call), body).await
    }

    async fn messages(&self) -> Vec<Value> {
        self.user
            .messages(text(&self.sent, "conversation_id"))
            .await
    }

    async fn restarted(mut self) -> Self {
        (self.app, self.user) = restarted(self.app, &self.user).await;
        self
    }

    /// Tries the call again and waits for the end of the run that makes it. Answers the run's state
    /// and the call as it was made again.
    async fn try_again(&self, call: &Value) -> (String, Value) {
        let decided = decide(&self.user, call, "retry").await;
        let retry = &decided["retried_by"];
        let run = json!({
            "run_id": retry["run_id"], "conversation_id": decided["conversation_id"],
        });
        let (state, _) = ended(&self.user, &run).await;
        (state, self.user.get(&path(retry)).await.expect(200))
    }
}

fn path(call: &Value) -> String {
    format!("/chat/calls/{}", text(call, "call_id"))
}

async fn undecided(user: &Client) -> Vec<Value> {
    let listed = user.get("/chat/calls?state=unknown").await.expect(200);
    listed["calls"].as_array().unwrap().clone()
}

async fn decide(user: &Client, call: &Value, decision: &str) -> Value {
    let body = json!({ "decision": decision });
    user.post(&path(call), body).await.expect(200)
}

/// The message of a type about a call: there is exactly one.
fn about<'a>(messages: &'a [Value], kind: &str, call: &Value) -> &'a Value {
    let mut found = messages.iter().filter(|message| {
        message["message_type"] == kind && message["additional_data"]["call_id"] == call["call_id"]
    });
    let one = found.next().unwrap();
    assert!(found.next().is_none(), "more than one {kind}");
    one
}

#[tokio::test]
async fn p5_an_unknown_call_is_shown_whole_to_its_owner() {
    for doubt in Doubt::all(ToolClass::Effectful).await {
        let call = &doubt.call;
        assert_eq!(call["tool_name"], "order");
        assert_eq!(call["arguments"], json!({"sku": "A-1", "n": 2}));
        let target = format!("POST {}/orders/A-1", doubt.witness.url());
        assert_eq!(call["target"], target);
        assert_eq!(
            (&call["state"], &call["class"]),
            (&json!("unknown"), &json!("effectful"))
        );
        assert_eq!(call["conversation_id"], doubt.sent["conversation_id"]);
        for open in ["decision", "decided_at", "retry_of", "retried_by"] {
            assert_eq!(call[open], Value::Null, "{open}");
        }
        assert_eq!(doubt.user.get(&path(call)).await.expect(200), *call);
        assert_eq!(outcome(&doubt.messages().await).0, "unknown");
        let stranger = doubt.app.user().await;
        assert_eq!(undecided(&stranger).await, Vec::<Value>::new());
    }
}

#[tokio::test]
async fn p5_what_the_user_says_becomes_the_outcome_and_the_model_hears_it() {
    let cases = [
        ("happened", "succeeded", "true", "has happened"),
        ("did_not_happen", "failed", "false", "did not happen"),
    ];
    for (decision, state, success, words) in cases {
        for doubt in Doubt::all(ToolClass::Effectful).await {
            let mut socket = doubt.user.socket(None, &[]).await;
            socket.frame("connection").await;
            let decided = decide(&doubt.user, &doubt.call, decision).await;
            assert_eq!(decided["state"], state);
            assert_eq!(decided["decision"], decision);
            assert!(decided["decided_at"].is_string());
            assert!(undecided(&doubt.user).await.is_empty());

            // On every device: both messages as they are now, and the state of the call.
            let asked = socket.frame("message").await["data"].clone();
            assert_eq!(asked["additional_data"]["decision"], decision);
            assert_eq!(asked["additional_data"]["state"], state);
            let result = socket.frame("message").await["data"].clone();
            assert_eq!(result["tool_success"], success);
            assert_eq!(result["revision"], 2);
            assert_eq!(socket.frame("tool").await["data"]["state"], state);
            let messages = doubt.messages().await;
            assert_whole(&messages);
            assert_eq!(about(&messages, "tool_call", &doubt.call), &asked);
            assert_eq!(about(&messages, "tool_result", &doubt.call), &result);

            next_turn_works(&doubt.user, &doubt.sent).await;
            assert!(told(&doubt.app).contains(words), "{}", told(&doubt.app));
            let doubt = doubt.restarted().await;
            let late = doubt.answer("retry").await;
            assert_eq!(late.code(), "already_decided");
            late.expect(409);
            assert_eq!(doubt.witness.entries().len(), 1);
        }
    }
}

#[tokio::test]
async fn p5_after_the_users_retry_there_is_exactly_one_call_more() {
    for doubt in Doubt::all(ToolClass::Effectful).await {
        // Something was said since: the retry goes to the end, and nothing of it is lost.
        next_turn_works(&doubt.user, &doubt.sent).await;
        let tried = (0..8).map(|_| doubt.answer("retry"));
        let answers = futures::future::join_all(tried).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|a| a.status == 200);
        assert_eq!(won.len(), 1);
        for late in lost {
            assert_eq!(late.code(), "already_decided");
            late.expect(409);
        }
        let decided = won.into_iter().next().unwrap().expect(200);
        assert_eq!(
            (&decided["state"], &decided["decision"]),
            (&json!("unknown"), &json!("retry"))
        );
        let retry = &decided["retried_by"];
        let run = json!({
            "run_id": retry["run_id"], "conversation_id": decided["conversation_id"],
        });
        let (state, messages) = ended(&doubt.user, &run).await;
        assert_eq!(state, "completed");
        let last = messages.last().unwrap();
        assert_eq!(
            (&last["status"], &last["run_id"]),
            (&json!("complete"), &retry["run_id"])
        );
        assert_eq!(
            last["content"],
            scripted_text(1),
            "the script of the last question"
        );

        let again = doubt.user.get(&path(retry)).await.expect(200);
        assert_eq!(
            (&again["state"], &again["retry_of"]),
            (&json!("succeeded"), &doubt.call["call_id"])
        );
        let entries = doubt.witness.entries();
        assert_eq!(entries.len(), 2);
        let at = |at_ms| Entry {
            at_ms,
            ..entries[0].clone()
        };
        assert_eq!(entries[1], at(entries[1].at_ms), "the same call");
        assert!(told(&doubt.app).contains("done"));
        assert!(undecided(&doubt.user).await.is_empty());
        let first = about(&messages, "tool_result", &doubt.call);
        assert!(text(first, "content").contains("made once more"));

        next_turn_works(&doubt.user, &doubt.sent).await;
        let doubt = doubt.restarted().await;
        next_turn_works(&doubt.user, &doubt.sent).await;
        assert_eq!(doubt.witness.entries().len(), 2);
    }
}

#[tokio::test]
async fn p5_a_keyed_call_is_tried_again_with_the_key_that_its_service_knows() {
    for doubt in Doubt::all(ToolClass::Keyed).await {
        doubt.witness.behave(Behaviour::Die);
        let (_, again) = doubt.try_again(&doubt.call).await;
        assert_eq!(again["state"], "unknown");
        doubt.witness.behave(Behaviour::Answer);
        let (_, third) = doubt.try_again(&again).await;
        assert_eq!(third["state"], "succeeded");
        let keys: Vec<_> = doubt.witness.entries().into_iter().map(|e| e.key).collect();
        let first = Some(text(&doubt.call, "call_id").to_owned());
        assert_eq!(keys, [first.clone(), first.clone(), first]);
    }
}

#[tokio::test]
async fn p5_a_retry_that_fails_again_is_unknown_again_and_not_repeated() {
    for doubt in Doubt::all(ToolClass::Effectful).await {
        doubt.witness.behave(Behaviour::Die);
        let (state, again) = doubt.try_again(&doubt.call).await;
        assert_eq!(state, "completed");
        assert_eq!(again["state"], "unknown");
        assert_eq!(undecided(&doubt.user).await, std::slice::from_ref(&again));
        let doubt = doubt.restarted().await;
        assert_eq!(doubt.witness.entries().len(), 2);

        // The server stops while the third is under way.
        doubt.witness.behave(Behaviour::Hang);
        let decided = decide(&doubt.user, &again, "retry").await;
        doubt.witness.acted(3).await;
        doubt.witness.behave(Behaviour::Answer);
        let doubt = doubt.restarted().await;
        let run = json!({
            "run_id": decided["retried_by"]["run_id"],
            "conversation_id": decided["conversation_id"],
        });
        let (state, _) = ended(&doubt.user, &run).await;
        assert_eq!(state, "completed");
        let left = undecided(&doubt.user).await;
        assert_eq!(left.len(), 1);
        assert_eq!(left[0]["retry_of"], again["call_id"]);
        decide(&doubt.user, &left[0], "happened").await;
        next_turn_works(&doubt.user, &doubt.sent).await;
        assert_eq!(doubt.witness.entries().len(), 3);
    }
}

#[tokio::test]
async fn p5_a_retry_waits_for_the_run_that_is_going_on_and_is_stopped_like_any() {
    for doubt in Doubt::all(ToolClass::Effectful).await {
        let body = json!({
            "content": "Meanwhile [[script: tokens=2 gate=held@1]]",
            "conversation_id": doubt.sent["conversation_id"],
        });
        let other = doubt.user.try_send_async(&body).await.unwrap().expect(202);
        doubt.app.model.gate("held").reached(1).await;
        let refused = doubt.answer("retry").await;
        assert_eq!(refused.code(), "run_active");
        refused.expect(409);
        doubt.app.model.gate("held").open();
        ended(&doubt.user, &other).await;

        doubt.witness.behave(Behaviour::Hang);
        let decided = decide(&doubt.user, &doubt.call, "retry").await;
        doubt.witness.acted(2).await;
        // A retry is a run: another message has to wait for it.
        let refused = doubt.user.send(body).await;
        assert_eq!(refused.code(), "run_active");
        let retry = &decided["retried_by"];
        let stop = format!("/chat/runs/{}/cancel", text(retry, "run_id"));
        doubt.user.post(&stop, json!({})).await.expect(200);
        let run = json!({
            "run_id": retry["run_id"], "conversation_id": decided["conversation_id"],
        });
        assert_eq!(ended(&doubt.user, &run).await.0, "cancelled");
        let left = undecided(&doubt.user).await;
        assert_eq!(left[0]["call_id"], retry["call_id"]);
        assert_eq!(doubt.witness.entries().len(), 2);
        next_turn_works(&doubt.user, &doubt.sent).await;
    }
}

#[tokio::test]
async fn p5_a_socket_decides_after_a_restart_as_well() {
    for doubt in Doubt::all(ToolClass::Effectful).await {
        let doubt = doubt.restarted().await;
        assert_eq!(
            undecided(&doubt.user).await,
            std::slice::from_ref(&doubt.call)
        );
        let mut socket = doubt.user.socket(None, &[]).await;
        socket.frame("connection").await;
        let word = |word| json!({ "call_id": doubt.call["call_id"], "decision": word });
        socket.send("call", None, word("happened")).await;
        assert_eq!(socket.frame("tool").await["data"]["state"], "succeeded");
        socket.send("call", None, word("did_not_happen")).await;
        let refused = socket.frame("error").await;
        assert_eq!(refused["data"]["code"], "already_decided");
        socket.send("call", None, word("perhaps")).await;
        let refused = socket.frame("error").await;
        assert_eq!(refused["data"]["code"], "validation");
    }
}

#[tokio::test]
async fn what_the_operator_took_away_is_not_tried_again() {
    for doubt in Doubt::all(ToolClass::Effectful).await {
        let Doubt {
            witness,
            app,
            user,
            call,
            ..
        } = doubt;
        let denied = HttpToolConfig {
            policy: ToolPolicy::Deny,
            ..allowed(witness.url())
        };
        let token = user.token();
        let mut app = app;
        for tools in [vec![denied], vec![]] {
            app = app.restart_with(tools::toolbox(&tools).unwrap()).await;
            let user = app.client();
            user.set_token(token.clone());
            let refused = user
                .post(&path(&call), json!({ "decision": "retry" }))
                .await;
            assert_eq!(refused.code(), "tool_unavailable");
            refused.expect(409);
            assert_eq!(undecided(&user).await.len(), 1);
        }
        let user = app.client();
        user.set_token(token);
        decide(&user, &call, "did_not_happen").await;
        assert_eq!(witness.entries().len(), 1);
    }
}
