//! `on_busy` of a send, over REST and the socket.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Client, TestApp, scripted_text};

use crate::support::{answer, begin, finished, raw, uuid, written};

/// A conversation whose run is held at the gate `hold`.
async fn busy(app: &TestApp, user: &Client) -> (String, String) {
    let (conversation, run) = begin(user, "Hold [[script: tokens=2 gate=hold@1]]").await;
    app.model.gate("hold").reached(1).await;
    written(user, &conversation, "tok0").await;
    (conversation, run)
}

fn message(conversation: &str, content: &str, on_busy: &str) -> Value {
    json!({
        "content": content, "conversation_id": conversation, "on_busy": on_busy,
        "client_message_id": uuid().to_string(),
    })
}

#[tokio::test]
async fn what_waits_is_shown_outside_the_branch() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (conversation, run) = busy(&app, &user).await;
    let body = message(&conversation, "Next [[script: tokens=1]]", "enqueue");
    let sent = user.try_send_async(&body).await.unwrap().expect(202);
    let waiting = &sent["user_message"];
    assert_eq!(
        (&waiting["status"], &waiting["parent_id"]),
        (&json!("queued"), &Value::Null)
    );
    let listed = user.messages(&conversation).await;
    assert_eq!(listed.len(), 3);
    assert_eq!(&listed[2], waiting);
    let path = format!("/chat/conversations/{conversation}");
    let shown = user.get(&path).await.expect(200);
    assert_eq!(shown["active_run"]["run_id"], run);
    let queued = user
        .get(&format!("/chat/runs/{}", sent["run_id"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(queued["state"], "queued");
    // A send that does not want to wait is refused with the run that goes on.
    let refused = user
        .send(message(&conversation, "Now", "reject"))
        .await
        .expect(409);
    assert_eq!(
        (&refused["code"], &refused["run_id"]),
        (&json!("run_active"), &json!(run))
    );
    assert_eq!(refused["head_message_id"], listed[1]["id"]);
    app.model.gate("hold").open();
    finished(&user, sent["run_id"].as_str().unwrap()).await;
    let listed = user.messages(&conversation).await;
    let statuses: Vec<_> = listed.iter().map(|m| m["status"].clone()).collect();
    assert_eq!(statuses, ["complete"; 4]);
    assert_eq!(listed[2]["parent_id"], listed[1]["id"]);
}

#[tokio::test]
async fn every_way_to_answer_works_while_the_run_waits() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (conversation, _) = busy(&app, &user).await;
    let body = message(&conversation, "Next [[script: tokens=3]]", "enqueue");
    // All of them attach to one run.
    let accepted = user.try_send_async(&body).await.unwrap().expect(202);
    let mut stream = user.try_send_stream(&body).await.unwrap().ok().unwrap();
    let open = async {
        // Held until the stream has said how it stands.
        let first = stream.next().await.unwrap().unwrap();
        assert_eq!(first.data["data"]["status"], "queued");
        app.model.gate("hold").open();
        let mut last = first.data;
        while let Some(event) = stream.next().await {
            last = event.unwrap().data;
        }
        last
    };
    let (waited, last) = tokio::join!(user.send(body.clone()), open);
    let waited = waited.expect(200);
    assert_eq!(waited["run_id"], accepted["run_id"]);
    assert_eq!(waited["ai_message"]["content"], scripted_text(3));
    assert_eq!(waited["user_message"]["status"], "complete");
    assert_eq!(
        (&last["type"], &last["data"]["state"]),
        (&json!("run"), &json!("completed"))
    );
}

#[tokio::test]
async fn interrupting_closes_the_model_and_keeps_what_it_said() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (conversation, run) = busy(&app, &user).await;
    let body = message(&conversation, "This [[script: tokens=2]]", "interrupt");
    let sent = user.send(body).await.expect(200);
    assert_eq!(sent["ai_message"]["content"], scripted_text(2));
    let ended = user.get(&format!("/chat/runs/{run}")).await.expect(200);
    assert_eq!(ended["state"], "cancelled");
    let listed = user.messages(&conversation).await;
    let shown: Vec<_> = listed
        .iter()
        .map(|m| (m["role"].as_str().unwrap(), m["status"].as_str().unwrap()))
        .collect();
    assert_eq!(
        shown,
        [
            ("user", "complete"),
            ("assistant", "interrupted"),
            ("user", "complete"),
            ("assistant", "complete"),
        ]
    );
    assert_eq!(listed[1]["content"].as_str().unwrap().trim_end(), "tok0");
    // The gate is closed still: only the client's leaving ends that request.
    let dropped = app
        .model
        .until(|asked| asked[0].ended == testkit::scripted::Ended::Dropped);
    tokio::time::timeout(std::time::Duration::from_secs(20), dropped)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_socket_sends_the_same() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (conversation, run) = busy(&app, &user).await;
    let mut socket = user.socket(None, &[&conversation]).await;
    let mut other = user.socket(None, &[]).await;
    other.frame("connection").await;
    let frame = |content: &str, on_busy: &str| {
        json!({
            "content": content, "on_busy": on_busy, "client_message_id": uuid().to_string(),
        })
    };
    let send = frame("Next [[script: tokens=1]]", "enqueue");
    socket.send("message", Some(&conversation), send).await;
    let ack = socket.frame("ack").await;
    let queued = ack["data"]["message"].clone();
    assert_eq!(queued["status"], "queued");
    // Another tab sees it wait, and the end of what it waits for.
    let seen = other.frame("message").await;
    assert_eq!(seen["data"], queued);

    let reject = frame("Now", "reject");
    socket.send("message", Some(&conversation), reject).await;
    assert_eq!(socket.frame("error").await["data"]["code"], "run_active");

    let send = frame("This [[script: tokens=1]]", "interrupt");
    socket.send("message", Some(&conversation), send).await;
    let ended = other.frame("run").await;
    assert_eq!(
        (&ended["data"]["run_id"], &ended["data"]["state"]),
        (&json!(run), &json!("cancelled"))
    );
    let placed = other
        .until(|f| f["type"] == "message" && f["data"]["id"] == queued["id"])
        .await;
    assert_eq!(placed["data"]["status"], "complete");
    // First in, first out: the interrupting message is answered behind the one that waited.
    let mut answered = Vec::new();
    while answered.len() < 2 {
        let end = other
            .until(|f| f["type"] == "run" && f["data"]["state"] == "completed")
            .await;
        answered.push(end["data"]["run_id"].clone());
    }
    assert_eq!(answered[0], ack["data"]["run_id"]);
    assert_ne!(answered[1], answered[0]);
}

#[tokio::test]
async fn the_queue_has_an_end() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (conversation, _) = busy(&app, &user).await;
    for _ in 0..domain::limits::QUEUED_PER_CONVERSATION {
        let body = message(&conversation, "More [[script: tokens=1]]", "enqueue");
        user.try_send_async(&body).await.unwrap().expect(202);
    }
    let body = message(&conversation, "More [[script: tokens=1]]", "enqueue");
    let refused = user.try_send_async(&body).await.unwrap().expect(409);
    assert_eq!(refused["code"], "queue_full");
    user.delete(&format!("/chat/conversations/{conversation}"))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_message_that_waits_is_changed_and_removed() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (conversation, _) = busy(&app, &user).await;
    let mut sent = Vec::new();
    let mut bodies = Vec::new();
    for content in ["One [[script: tokens=1]]", "Two [[script: tokens=1]]"] {
        let body = message(&conversation, content, "enqueue");
        sent.push(user.try_send_async(&body).await.unwrap().expect(202));
        bodies.push(body);
    }
    let path = |n: usize| {
        let id = &sent[n]["user_message"]["id"];
        format!("/chat/conversations/{conversation}/messages/{id}")
    };
    let mut socket = user.socket(None, &[]).await;
    socket.frame("connection").await;
    let content = "Uno [[script: tokens=2]]";
    let changed = user
        .patch(&path(0), json!({ "content": content }))
        .await
        .expect(200);
    assert_eq!(changed["content"], content);
    assert_eq!(socket.frame("message").await["data"], changed);
    for wrong in [
        json!({ "content": " " }),
        json!({}),
        json!({ "content": "a", "more": 1 }),
    ] {
        user.patch(&path(0), wrong).await.expect(422);
    }

    // Whoever waits for the answer of a removed message learns that it is gone.
    let waiting = user.send(bodies[1].clone());
    let remove = async {
        user.delete(&path(1)).await.expect(204);
        let ended = socket.frame("run").await;
        assert_eq!(ended["data"]["state"], "cancelled");
        let removed = socket.frame("message").await;
        let id = &sent[1]["user_message"]["id"];
        assert_eq!(removed["data"], json!({ "id": id, "deleted": true }));
        assert_eq!(removed["conversation_id"], conversation);
    };
    let (waited, ()) = tokio::join!(waiting, remove);
    assert_eq!(waited.expect(410)["code"], "gone");
    user.delete(&path(1)).await.expect(404);

    app.model.gate("hold").open();
    finished(&user, sent[0]["run_id"].as_str().unwrap()).await;
    let late = user.patch(&path(0), json!({ "content": "late" })).await;
    assert_eq!(late.expect(409)["code"], "not_queued");
    assert_eq!(
        user.delete(&path(0)).await.expect(409)["code"],
        "not_queued"
    );
    let listed = user.messages(&conversation).await;
    assert_eq!(listed.len(), 4);
    assert_eq!(listed[2]["content"], content);
    assert_eq!(listed[3]["content"], scripted_text(2));
    assert_eq!(
        app.model
            .answers()
            .last()
            .unwrap()
            .messages()
            .last()
            .unwrap()["content"],
        content,
        "the model was asked what stands there"
    );
}

#[tokio::test]
async fn links_of_a_page_with_a_queue_lead_along_the_branch() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (conversation, _) = busy(&app, &user).await;
    let body = message(&conversation, "Next", "enqueue");
    let sent = user.try_send_async(&body).await.unwrap().expect(202);
    let bearer = format!("Bearer {}", user.token().unwrap());
    let path = format!("/api/v1/chat/conversations/{conversation}/messages?limit=1");
    let headers = [("authorization", bearer.as_str())];
    let page = answer(raw(&user, Method::GET, &path, &headers, "").await).await;
    let link = page.headers["link"].to_str().unwrap().to_owned();
    let page = page.expect(200);
    assert_eq!(page[1], sent["user_message"]);
    assert!(
        link.contains(&format!("before={}>; rel=\"prev\"", page[0]["id"])),
        "{link}"
    );
    assert!(!link.contains("next"), "{link}");
}
