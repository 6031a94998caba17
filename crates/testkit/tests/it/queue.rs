//! Messages that wait, and those that interrupt, through store, agent and server.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::scripted::{Ended, Recorded};
use testkit::{Client, TestApp, scripted_text};

async fn begin(app: &TestApp, user: &Client, script: &str) -> (String, String) {
    let body = json!({ "content": format!("Go [[script: {script}]]") });
    let sent = user.try_send_async(&body).await.unwrap().expect(202);
    if script.contains("gate=hold") {
        app.model.gate("hold").reached(1).await;
    }
    let text = |key: &str| sent[key].as_str().unwrap().to_owned();
    (text("conversation_id"), text("run_id"))
}

async fn send(user: &Client, conversation: &str, content: &str, on_busy: &str) -> Value {
    let body = json!({
        "content": content, "conversation_id": conversation, "on_busy": on_busy,
    });
    user.try_send_async(&body).await.unwrap().expect(202)
}

async fn finished(user: &Client, sent: &Value) {
    let path = format!("/chat/runs/{}/events", sent["run_id"].as_str().unwrap());
    let mut events = user.try_events(&path).await.unwrap();
    while events.next().await.is_some() {}
}

async fn contents(user: &Client, conversation: &str) -> Vec<String> {
    let messages = user.messages(conversation).await;
    let content = |m: &Value| m["content"].as_str().unwrap().trim_end().to_owned();
    messages
        .iter()
        .filter(|m| m["message_type"] != "tool_call" && m["message_type"] != "tool_result")
        .map(content)
        .filter(|content| !content.is_empty())
        .collect()
}

/// What the model was asked last in each of its calls for an answer.
fn asked(app: &TestApp) -> Vec<String> {
    let asked = app.model.answers().into_iter().map(|request| {
        let users = request.messages().iter().rev();
        let mut users = users.filter(|message| message["role"] == "user");
        users.next().unwrap()["content"]
            .as_str()
            .unwrap()
            .to_owned()
    });
    asked.collect()
}

#[tokio::test]
async fn the_queue_is_answered_in_order() {
    let app = TestApp::start().await;
    let user = app.user().await;
    // Tool messages of the first run come after the messages that wait, by their ids.
    let script = r#"before=2 gate=hold@1 tool=calculator args={"expression":"6*7"} tokens=2"#;
    let (conversation, _) = begin(&app, &user, script).await;
    let mut last = Value::Null;
    for n in 1..=3 {
        let content = format!("q{n} [[script: tokens={n}]]");
        last = send(&user, &conversation, &content, "enqueue").await;
    }
    app.model.gate("hold").open();
    finished(&user, &last).await;
    let answer = |n: usize| scripted_text(n).trim_end().to_owned();
    let contents = contents(&user, &conversation).await;
    assert_eq!(
        contents[contents.len() - 7..],
        [
            answer(2),
            "q1 [[script: tokens=1]]".to_owned(),
            answer(1),
            "q2 [[script: tokens=2]]".to_owned(),
            answer(2),
            "q3 [[script: tokens=3]]".to_owned(),
            answer(3),
        ]
    );
    let asked = asked(&app);
    let queue: Vec<_> = asked.iter().filter(|a| a.starts_with('q')).collect();
    assert_eq!(queue.len(), 3);
    assert!(queue.is_sorted(), "{queue:?}");
    // Each one was told of everything before it, and of nothing behind it.
    let requests = app.model.answers();
    let counts: Vec<_> = requests[requests.len() - 3..]
        .iter()
        .map(|r| r.messages().iter().filter(|m| m["role"] == "user").count())
        .collect();
    assert_eq!(counts, [2, 3, 4]);
}

#[tokio::test]
async fn an_interruption_ends_the_wait_for_a_model() {
    let app = TestApp::start().await;
    let user = app.user().await;
    // The next try would be in half a minute.
    let (conversation, run) = begin(&app, &user, "fault=429 retry_after=30").await;
    app.model
        .until(|asked| asked.first().is_some_and(|a| a.ended != Ended::Running))
        .await;
    let sent = send(
        &user,
        &conversation,
        "This [[script: tokens=2]]",
        "interrupt",
    )
    .await;
    finished(&user, &sent).await;
    let ended = user.get(&format!("/chat/runs/{run}")).await.expect(200);
    assert_eq!(ended["state"], "cancelled");
    let messages = user.messages(&conversation).await;
    assert_eq!(messages[1]["status"], "interrupted");
    assert_eq!(messages[3]["content"], scripted_text(2));
    assert_eq!(app.model.answers().len(), 2);
}

/// At once, and not with the next renewal of the lease, which comes every three seconds and would notice
/// it as well: that would be late twice in three times. A busy machine may be late once.
#[tokio::test]
async fn an_interrupted_model_call_is_closed() {
    const TIMES: usize = 5;
    let app = TestApp::start().await;
    let user = app.user().await;
    let dropped = |asked: &[Recorded]| {
        let answers = asked.iter().filter(|request| !request.is_title());
        answers.filter(|a| a.ended == Ended::Dropped).count()
    };
    let mut late = 0;
    for round in 1..=TIMES {
        let body = json!({ "content": "Go [[script: tokens=9 gate=never@4]]" });
        let begun = user.try_send_async(&body).await.unwrap().expect(202);
        let conversation = begun["conversation_id"].as_str().unwrap();
        app.model.gate("never").reached(round as u64).await;
        let body = "This [[script: tokens=1]]";
        let sent = send(&user, conversation, body, "interrupt").await;
        let interrupted = Instant::now();
        app.model.until(|asked| dropped(asked) == round).await;
        late += usize::from(interrupted.elapsed() > Duration::from_secs(1));
        finished(&user, &sent).await;
        let messages = user.messages(conversation).await;
        assert_eq!(messages[1]["status"], "interrupted");
        let said = messages[1]["content"].as_str().unwrap();
        assert!(scripted_text(4).starts_with(said.trim_end()), "{said}");
        assert_eq!(messages[3]["content"], scripted_text(1));
    }
    assert!(late <= 1, "the model went on, {late} times of {TIMES}");
}

#[tokio::test]
async fn stop_goes_on_with_the_queue() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (conversation, run) = begin(&app, &user, "tokens=9 gate=hold@4").await;
    let next = send(&user, &conversation, "Next [[script: tokens=1]]", "enqueue").await;
    let path = format!("/chat/runs/{run}/cancel");
    user.post(&path, json!({})).await.expect(200);
    finished(&user, &next).await;
    let messages = user.messages(&conversation).await;
    let statuses: Vec<_> = messages.iter().map(|m| m["status"].clone()).collect();
    assert_eq!(statuses, ["complete", "cancelled", "complete", "complete"]);
}

#[tokio::test]
async fn a_restart_keeps_the_queue() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (conversation, _) = begin(&app, &user, "tokens=3 gate=hold@1").await;
    for n in 1..=3 {
        let content = format!("q{n} [[script: tokens=1]]");
        send(&user, &conversation, &content, "enqueue").await;
    }
    let before = user.messages(&conversation).await;
    let app = app.restart().await;
    let user = app.client();
    user.login("user0@example.org").await;
    assert_eq!(user.messages(&conversation).await[2..], before[2..]);
    app.model.gate("hold").open();
    let run = before[4]["run_id"].clone();
    finished(&user, &json!({ "run_id": run })).await;
    let contents = contents(&user, &conversation).await;
    assert_eq!(contents.len(), 8, "{contents:?}");
    let queue: Vec<_> = asked(&app)
        .into_iter()
        .filter(|a| a.starts_with('q'))
        .collect();
    assert!(queue.len() == 3 && queue.is_sorted(), "{queue:?}");
}

#[tokio::test]
async fn the_next_one_does_not_wait_for_what_is_done_after_a_run() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (conversation, _) = begin(&app, &user, "tokens=2 gate=hold@1 title_gate=title").await;
    let next = send(&user, &conversation, "Next [[script: tokens=1]]", "enqueue").await;
    app.model.gate("hold").open();
    let asked_for_a_title = app.model.gate("title");
    tokio::time::timeout(Duration::from_secs(20), asked_for_a_title.reached(1))
        .await
        .expect("no title is asked for");
    finished(&user, &next).await;
    // The driver of the first run is at the title still.
    let requests = app.model.requests();
    let title = requests.iter().find(|request| request.is_title()).unwrap();
    assert_eq!(title.ended, Ended::Running);
    assert_eq!(contents(&user, &conversation).await.len(), 4);
    app.model.gate("title").open();
}
