use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::app::Options;
use testkit::{Client, TestApp, Transcript, scripted_text};

use crate::support::{answer, begin, raw, uuid};

#[tokio::test]
async fn a_send_answers_both_messages() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let id = uuid().to_string();
    let body = json!({
        "content": "Hello [[script: tokens=3]]", "client_message_id": id,
        "conversation_id": null, "time_zone": "Europe/Vienna", "unknown": { "is": "ignored" },
    });
    let sent = user.send(body).await.expect(200);
    let (question, reply) = (&sent["user_message"], &sent["ai_message"]);
    assert_eq!(question["content"], "Hello [[script: tokens=3]]");
    assert_eq!(question["role"], "user");
    assert_eq!(question["message_type"], "user_input");
    assert_eq!(question["client_message_id"], id);
    assert_eq!(question["status"], "complete");
    assert_eq!(question["parent_id"], Value::Null);
    assert_eq!(reply["role"], "assistant");
    assert_eq!(reply["message_type"], "assistant_response");
    assert_eq!(reply["content"], scripted_text(3));
    assert_eq!(reply["status"], "complete");
    assert_eq!(reply["parent_id"], question["id"]);
    assert_eq!(reply["run_id"], sent["run_id"]);
    assert_eq!(reply["revision"], 1);
    assert_eq!(reply["offsets"]["text"], scripted_text(3).len());
    assert_eq!(reply["siblings"], json!([reply["id"]]));
    let mut keys: Vec<_> = reply
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "additional_data",
            "client_message_id",
            "content",
            "conversation_id",
            "id",
            "message_type",
            "offsets",
            "parent_id",
            "revision",
            "role",
            "run_id",
            "siblings",
            "status",
            "timestamp",
            "tool_name",
            "tool_success",
        ]
    );
}

#[tokio::test]
async fn a_second_message_continues_the_conversation() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let first = user
        .send(json!({ "content": "One [[script: tokens=1]]" }))
        .await
        .expect(200);
    let body = json!({
        "content": "Two [[script: tokens=1]]", "conversation_id": first["conversation_id"],
    });
    let second = user.send(body).await.expect(200);
    assert_eq!(second["conversation_id"], first["conversation_id"]);
    assert_eq!(
        second["user_message"]["parent_id"],
        first["ai_message"]["id"]
    );
    let last = app.model.answers().last().unwrap().body["messages"].clone();
    let heard: Vec<_> = last
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["role"].clone())
        .collect();
    assert_eq!(heard, ["system", "user", "assistant", "user"]);
}

#[tokio::test]
async fn a_failing_model_is_an_answer_that_failed() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let body = json!({ "content": "Break [[script: tokens=9 fault=reset@4]]" });
    let sent = user.send(body).await.expect(200);
    let reply = &sent["ai_message"];
    assert_eq!(reply["status"], "failed");
    assert_eq!(reply["content"], scripted_text(4));
    let error = reply["additional_data"]["error"].as_object().unwrap();
    assert_eq!(error["code"], "model_interrupted");
    assert_eq!(error["retryable"], true);
    assert!(error["detail"].is_string());
}

#[tokio::test]
async fn a_long_answer_is_still_going_when_the_waiting_ends() {
    // Long enough for the answer to begin.
    let options = Options {
        send_wait: Duration::from_secs(3),
        ..Options::default()
    };
    let app = TestApp::start_with(options).await;
    let user = app.user().await;
    let body = json!({ "content": "Long [[script: tokens=9 gate=hold@4]]" });
    let sent = user.send(body).await.expect(200);
    assert_eq!(sent["ai_message"]["status"], "streaming");
    app.model.gate("hold").open();
    crate::support::finished(&user, sent["run_id"].as_str().unwrap()).await;
    let messages = user
        .messages(sent["conversation_id"].as_str().unwrap())
        .await;
    assert_eq!(messages[1]["content"], scripted_text(9));
}

#[tokio::test]
async fn respond_async_answers_at_once() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let body = json!({ "content": "Hold [[script: tokens=2 gate=hold@1]]" });
    let accepted = user.try_send_async(&body).await.unwrap();
    assert_eq!(accepted.headers["preference-applied"], "respond-async");
    let accepted = accepted.expect(202);
    let mut keys: Vec<_> = accepted
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    assert_eq!(keys, ["conversation_id", "run_id", "user_message"]);
    app.model.gate("hold").open();
}

#[tokio::test]
async fn leaving_stops_nothing() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let id = uuid().to_string();
    let body = json!({
        "content": "Hold [[script: tokens=3 gate=hold@1]]", "client_message_id": id,
    });
    let waiting = user.send(body.clone());
    tokio::select! {
        _ = waiting => panic!("the model is held"),
        () = async { app.model.gate("hold").reached(1).await } => {}
    }
    app.model.gate("hold").open();
    let again = user.send(body).await.expect(200);
    assert_eq!(again["ai_message"]["content"], scripted_text(3));
    assert_eq!(
        user.get("/chat/conversations").await.expect(200)["total"],
        1
    );
}

async fn events(client: &Client, body: &Value) -> Vec<Value> {
    let mut stream = match client.try_send_stream(body).await.unwrap() {
        Ok(stream) => stream,
        Err(answer) => panic!("{:#}", answer.body),
    };
    let mut frames = Vec::new();
    while let Some(event) = stream.next().await {
        let event = event.unwrap();
        assert_eq!(event.event, event.data["type"]);
        assert_eq!(event.id.as_deref(), event.data["cursor"].as_str());
        frames.push(event.data);
    }
    frames
}

#[tokio::test]
async fn a_send_can_be_streamed_and_attached_to_again() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let body = json!({
        "content": "Stream [[script: tokens=6]]", "client_message_id": uuid().to_string(),
    });
    for round in 0..2 {
        let frames = events(&user, &body).await;
        let mut read = Transcript::default();
        for frame in &frames {
            read.take(frame).unwrap();
        }
        let last = frames.last().unwrap();
        assert_eq!(
            (&last["type"], &last["data"]["state"]),
            (&json!("run"), &json!("completed"))
        );
        let texts: Vec<_> = read
            .messages
            .values()
            .map(|message| message.text.clone())
            .collect();
        assert!(
            texts.contains(&scripted_text(6)),
            "round {round}: {texts:?}"
        );
    }
}

#[tokio::test]
async fn the_same_key_is_the_same_message_in_any_form() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let body = json!({
        "content": "Once [[script: tokens=2]]", "client_message_id": uuid().to_string(),
    });
    let many = (0..6).map(|_| user.send(body.clone()));
    let mut runs = Vec::new();
    for answer in futures::future::join_all(many).await {
        let sent = answer.expect(200);
        assert_eq!(sent["ai_message"]["content"], scripted_text(2));
        runs.push(sent["run_id"].clone());
    }
    let accepted = user.try_send_async(&body).await.unwrap().expect(202);
    runs.push(accepted["run_id"].clone());
    runs.dedup();
    assert_eq!(runs.len(), 1);

    let mut other = body.clone();
    other["content"] = json!("Something else");
    assert_eq!(
        user.send(other).await.expect(409)["code"],
        "idempotency_key_reused"
    );

    let conversation = accepted["conversation_id"].as_str().unwrap();
    user.delete(&format!("/chat/conversations/{conversation}"))
        .await
        .expect(200);
    assert_eq!(user.send(body.clone()).await.expect(410)["code"], "gone");
    // Keys are per user.
    app.user().await.send(body).await.expect(200);
}

#[tokio::test]
async fn a_header_can_carry_the_key() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let bearer = format!("Bearer {}", user.token().unwrap());
    let post = |key: &'static str, content: &str| {
        let body = json!({ "content": content }).to_string();
        let (user, bearer) = (user.clone(), bearer.clone());
        async move {
            let headers = [
                ("content-type", "application/json"),
                ("authorization", bearer.as_str()),
                ("idempotency-key", key),
            ];
            let path = "/api/v1/chat/messages";
            answer(raw(&user, Method::POST, path, &headers, body).await).await
        }
    };
    let first = post("key-1", "Hi [[script: tokens=1]]").await.expect(200);
    let again = post("key-1", "Hi [[script: tokens=1]]").await.expect(200);
    assert_eq!(first, again);
    post("key-1", "Other").await.expect(409);
    post("with space", "Hi").await.expect(422);
}

#[tokio::test]
async fn a_conversation_has_one_run_at_a_time() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (conversation, run) = begin(&user, "Hold [[script: tokens=2 gate=hold@1]]").await;
    let body = json!({ "content": "More", "conversation_id": conversation });
    let refused = user.send(body).await.expect(409);
    assert_eq!(refused["code"], "run_active");
    assert_eq!(refused["run_id"], run);
    assert!(refused["head_message_id"].is_i64());
    app.model.gate("hold").open();
}

#[tokio::test]
async fn what_is_wrong_with_a_message_is_named() {
    let app = TestApp::start().await;
    let user = app.user().await;
    for (change, pointer) in [
        (json!({ "content": "" }), "/content"),
        (json!({ "content": " \n\t" }), "/content"),
        (json!({ "content": "é".repeat(10_001) }), "/content"),
        (json!({ "content": "a\0b" }), "/content"),
        (
            json!({ "client_message_id": "not-a-uuid" }),
            "/client_message_id",
        ),
        (json!({ "model": "openai/unheard-of/x\0" }), "/model"),
        (json!({ "model": "nobody/nothing" }), "/model"),
        (json!({ "agent_id": "x" }), "/agent_id"),
        (json!({ "on_busy": "whatever" }), "/on_busy"),
        (json!({ "time_zone": "Middle/Earth" }), "/time_zone"),
        (json!({ "parent_id": "x" }), "/parent_id"),
    ] {
        let mut body = json!({ "content": "Hi" });
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let refused = user.send(body).await.expect(422);
        assert_eq!(refused["code"], "validation");
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{change:.80}");
    }
    let longest = json!({ "content": "語".repeat(10_000), "on_busy": "reject" });
    user.try_send_async(&longest).await.unwrap().expect(202);
}

#[tokio::test]
async fn sending_has_a_rate() {
    let options = Options {
        send_rate_per_minute: 2,
        ..Options::default()
    };
    let app = TestApp::start_with(options).await;
    let user = app.user().await;
    let body = json!({ "content": "Hi [[script: tokens=1]]" });
    user.send(body.clone()).await.expect(200);
    user.send(body.clone()).await.expect(200);
    let refused = user.send(body.clone()).await;
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(refused.expect(429)["code"], "rate_limited");
    app.user().await.send(body).await.expect(200);
}
