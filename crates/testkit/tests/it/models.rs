//! Which model answers: it is known before it says a word, and stays the run's.

use std::sync::Arc;

use agent::ports::{Model, ModelChunk, ModelError, ModelInfo, ModelRequest, ModelStream};
use async_trait::async_trait;
use domain::store::RunStore;
use domain::{Delta, DeltaChannel, Fence, FinishReason, NodeId, Timestamp, Usage};
use futures::StreamExt;
use models::{Catalog, ProviderConfig};
use serde_json::{Value, json};
use testkit::app::{Options, endpoint};
use testkit::{Client, TestApp, scripted_text};
use uuid::Uuid;

/// Stands for the model inside the binary.
struct Tiny(ModelInfo);

#[async_trait]
impl Model for Tiny {
    fn info(&self) -> &ModelInfo {
        &self.0
    }

    async fn answer(&self, _: ModelRequest) -> Result<ModelStream, ModelError> {
        let end = ModelChunk::End {
            calls: Vec::new(),
            finish: FinishReason::Stop,
            usage: Usage::default(),
        };
        let chunks = [Ok(ModelChunk::Text("tiny".to_owned())), Ok(end)];
        Ok(futures::stream::iter(chunks).boxed())
    }
}

fn beside_a_built_in_one(providers: Vec<ProviderConfig>) -> Catalog {
    let tiny = Tiny(ModelInfo {
        id: "local/tiny".to_owned(),
        label: "Tiny".to_owned(),
        provider: "local".to_owned(),
        built_in: true,
        context_window: 4_096,
        tools: false,
        prefill: true,
    });
    Catalog::new(providers, None, vec![Arc::new(tiny)]).unwrap()
}

fn on(models: fn(&str) -> Catalog) -> Options {
    Options {
        models,
        ..Options::default()
    }
}

/// A provider whose models go on from what was said.
fn going_on(name: &str, model: &str, base_url: &str) -> ProviderConfig {
    ProviderConfig {
        default_model: Some(model.to_owned()),
        prefill: true,
        ..endpoint(name, base_url)
    }
}

/// The same user after a restart.
fn again(app: &TestApp, user: &Client) -> Client {
    let client = app.client();
    client.set_token(user.token());
    client
}

async fn run(user: &Client, sent: &Value) -> Value {
    let id = sent["run_id"].as_str().unwrap();
    user.get(&format!("/chat/runs/{id}")).await.expect(200)
}

/// The run's end, and its answer.
async fn ended(user: &Client, sent: &Value) -> Value {
    let id = sent["run_id"].as_str().unwrap();
    let path = format!("/chat/runs/{id}/events");
    let mut events = user.try_events(&path).await.unwrap();
    while events.next().await.is_some() {}
    let messages = user
        .messages(sent["conversation_id"].as_str().unwrap())
        .await;
    messages.last().unwrap().clone()
}

#[tokio::test]
async fn an_endpoint_without_a_named_model_answers_from_the_first_message_on() {
    let bare = |base: &str| beside_a_built_in_one(vec![endpoint("bare", base)]);
    let app = TestApp::start_with(on(bare)).await;
    let user = app.user().await;
    let sent = user
        .send(json!({ "content": "Hello [[script: tokens=3]]" }))
        .await
        .expect(200);
    let answer = &sent["ai_message"];
    assert_eq!(answer["content"], scripted_text(3), "{answer}");
    assert_eq!(answer["additional_data"]["model"], "bare/scripted");
    assert_eq!(run(&user, &sent).await["model"], "bare/scripted");
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_named_and_nobody_answers_in_its_place() {
    let dead = |_: &str| beside_a_built_in_one(vec![endpoint("dead", "http://127.0.0.1:9/v1")]);
    let app = TestApp::start_with(on(dead)).await;
    let user = app.user().await;
    let models = user.get("/models").await.expect(200);
    assert_eq!(models["default"], Value::Null);
    assert_eq!(models["models"].as_array().unwrap().len(), 1, "{models}");
    let unlisted = &models["unlisted"][0];
    assert_eq!(
        (&unlisted["provider"], &unlisted["code"]),
        (&json!("dead"), &json!("model_unreachable"))
    );

    let sent = user.send(json!({ "content": "Hello" })).await.expect(200);
    let answer = &sent["ai_message"];
    assert_eq!(
        (&answer["status"], &answer["content"]),
        (&json!("failed"), &json!(""))
    );
    let error = &answer["additional_data"]["error"];
    assert_eq!(error["code"], "model_unreachable");
    assert_eq!(error["detail"], unlisted["detail"]);
    assert!(
        error["detail"]
            .as_str()
            .unwrap()
            .starts_with("dead can't be reached")
    );
    assert_eq!(run(&user, &sent).await["model"], Value::Null);

    // The built-in one answers whoever asks for it.
    let body = json!({ "content": "Hello", "model": "local/tiny" });
    assert_eq!(
        user.send(body).await.expect(200)["ai_message"]["content"],
        "tiny"
    );
}

#[tokio::test]
async fn a_sentence_is_finished_by_the_model_that_began_it() {
    let first =
        |base: &str| Catalog::new(vec![going_on("first", "one", base)], None, vec![]).unwrap();
    let app = TestApp::start_with(on(first)).await;
    let user = app.user().await;
    let body = json!({ "content": "Hello [[script: tokens=30 gate=half@15]]" });
    let sent = user.try_send_async(&body).await.unwrap().expect(202);
    app.model.gate("half").reached(1).await;
    assert_eq!(run(&user, &sent).await["model"], "first/one");

    // Another model is the default of the server that takes the run up.
    let app = app
        .restart_on(|base| {
            let providers = vec![
                going_on("second", "two", base),
                going_on("first", "one", base),
            ];
            Catalog::new(providers, None, vec![]).unwrap()
        })
        .await;
    app.model.gate("half").open();
    let user = again(&app, &user);
    let answer = ended(&user, &sent).await;
    assert_eq!(answer["content"], scripted_text(30), "{answer}");
    assert_eq!(answer["revision"], 1);
    assert_eq!(answer["additional_data"]["model"], "first/one");
    let asked: Vec<String> = app
        .model
        .answers()
        .iter()
        .map(|call| call.model().to_owned())
        .collect();
    assert_eq!(asked, ["one", "one"]);
}

#[tokio::test]
async fn a_sentence_of_which_nobody_knows_who_began_it_is_begun_anew() {
    let first =
        |base: &str| Catalog::new(vec![going_on("first", "one", base)], None, vec![]).unwrap();
    let mut options = on(first);
    options.answers = false;
    let app = TestApp::start_with(options).await;
    let user = app.user().await;
    let body = json!({ "content": "Hello [[script: tokens=5]]" });
    let sent = user.try_send_async(&body).await.unwrap().expect(202);

    // As a version left it that did not write the model down.
    let now = Timestamp(1_750_000_000_000);
    let node = NodeId(Uuid::from_u128(7));
    let claimed = app
        .store
        .claim(node, now, 1, false)
        .await
        .unwrap()
        .remove(0);
    let fence = Fence {
        run_id: claimed.run_id,
        fence: claimed.fence,
    };
    let open = app.store.begin_answer(fence, None, now).await.unwrap();
    let delta = Delta {
        message_id: open.message_id,
        revision: open.revision,
        offset: 0,
        channel: DeltaChannel::Text,
        text: "tok0 tok1 ".to_owned(),
    };
    app.store
        .append_deltas(fence, vec![delta], now)
        .await
        .unwrap();
    app.store.release(fence, now).await.unwrap();

    let app = app.restart_answering().await;
    let user = again(&app, &user);
    let answer = ended(&user, &sent).await;
    assert_eq!(answer["content"], scripted_text(5), "{answer}");
    assert_eq!(answer["revision"], 2);
    let calls = app.model.answers();
    assert_eq!(calls[0].messages().last().unwrap()["role"], "user");
    assert_eq!(run(&user, &sent).await["model"], "first/one");
}
