use serde_json::{Value, json};
use testkit::{Client, TestApp, Transcript, scripted_text};

use crate::support::{begin, finished};

async fn read(client: &Client, path: &str) -> Vec<Value> {
    let mut stream = client.try_events(path).await.unwrap();
    let mut frames = Vec::new();
    while let Some(event) = stream.next().await {
        frames.push(event.unwrap().data);
    }
    frames
}

#[tokio::test]
async fn a_run_is_shown_and_stopped() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (conversation, run) = begin(&user, "Hold [[script: tokens=5 gate=hold@2]]").await;
    app.model.gate("hold").reached(1).await;
    let shown = user.get(&format!("/chat/runs/{run}")).await.expect(200);
    assert_eq!(
        (&shown["run_id"], &shown["state"]),
        (&json!(run), &json!("running"))
    );
    assert_eq!(shown["conversation_id"], conversation);
    let cancel = format!("/chat/runs/{run}/cancel");
    let stopped = user.post(&cancel, json!({})).await.expect(200);
    assert_eq!(stopped["cancel_requested"], true);
    // Said once it is done, and not before.
    assert_eq!(stopped["state"], "cancelled");
    let ended = user.post(&cancel, json!({})).await.expect(200);
    assert_eq!(ended["state"], "cancelled");
    assert!(ended["finished_at"].is_string());
    let messages = user.messages(&conversation).await;
    assert_eq!(messages[1]["status"], "cancelled");
}

#[tokio::test]
async fn a_late_reader_gets_the_text_and_the_end() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (_, run) = begin(&user, "Done [[script: tokens=4]]").await;
    finished(&user, &run).await;
    let frames = read(&user, &format!("/chat/runs/{run}/events")).await;
    let kinds: Vec<_> = frames
        .iter()
        .map(|frame| frame["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["message", "message", "run"]);
    assert_eq!(frames[1]["data"]["content"], scripted_text(4));
    assert_eq!(frames[2]["data"]["state"], "completed");
}

/// A stream holds one batch of frames; the rest of a page is read again from the log.
#[tokio::test]
async fn pages_longer_than_a_batch_arrive_whole_and_once() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut feed = user.try_events("/chat/sync").await.unwrap();
    let ready = feed.next().await.unwrap().unwrap();
    let start = ready.data["data"]["cursor"].as_str().unwrap().to_owned();
    let script = "Long [[script: tokens=12 pad=9000 delay_ms=30]]";
    let (conversation, run) = begin(&user, script).await;
    finished(&user, &run).await;
    let answer = user.messages(&conversation).await[1]["content"].clone();
    assert!(answer.as_str().unwrap().len() > 100_000);

    let of_run = read(&user, &format!("/chat/runs/{run}/events?after={start}")).await;
    let path = format!("/chat/sync?since={start}&watch={conversation}");
    let mut feed = user.try_events(&path).await.unwrap();
    let mut of_feed = Vec::new();
    while of_feed.last() != of_run.last() {
        of_feed.push(feed.next().await.unwrap().unwrap().data);
    }
    for frames in [&of_run, &of_feed] {
        let mut read = Transcript::default();
        for frame in frames {
            read.take(frame).unwrap();
        }
        assert!(read.messages.values().any(|known| answer == *known.text));
    }
    let deltas = |frames: &[Value]| -> Vec<Value> {
        let deltas = frames.iter().filter(|frame| frame["type"] == "delta");
        deltas.cloned().collect()
    };
    assert!(deltas(&of_run).len() > 1);
    assert_eq!(deltas(&of_run), deltas(&of_feed));
}

#[tokio::test]
async fn a_stream_that_was_cut_goes_on_after_its_last_event() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (_, run) = begin(&user, "Cut [[script: tokens=8 gate=a@3]]").await;
    let path = format!("/chat/runs/{run}/events");
    let mut stream = user.try_events(&path).await.unwrap();
    let mut read_so_far = Transcript::default();
    app.model.gate("a").reached(1).await;
    let cursor = loop {
        let event = stream.next().await.unwrap().unwrap();
        read_so_far.take(&event.data).unwrap();
        if event.event == "delta" || stream.last_id.is_some() {
            break stream.last_id.clone();
        }
        if event.event == "message" && event.data["data"]["content"] == scripted_text(3) {
            break None;
        }
    };
    drop(stream);
    app.model.gate("a").open();
    let path = match cursor {
        Some(cursor) => format!("{path}?after={cursor}"),
        None => path,
    };
    for frame in read(&user, &path).await {
        read_so_far.take(&frame).unwrap();
    }
    let texts: Vec<_> = read_so_far
        .messages
        .values()
        .map(|m| m.text.clone())
        .collect();
    assert!(texts.contains(&scripted_text(8)), "{texts:?}");
}

#[tokio::test]
async fn a_position_that_means_nothing_is_reset() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (_, run) = begin(&user, "Done [[script: tokens=4]]").await;
    finished(&user, &run).await;
    for cursor in ["x", "ffff-1", "1-ffffff"] {
        let frames = read(&user, &format!("/chat/runs/{run}/events?after={cursor}")).await;
        assert_eq!(frames[0]["type"], "reset", "{cursor}");
        assert_eq!(
            frames.last().unwrap()["data"]["state"],
            "completed",
            "{cursor}"
        );
        assert!(
            frames
                .iter()
                .any(|frame| frame["data"]["content"] == scripted_text(4))
        );
    }
}

#[tokio::test]
async fn deleting_the_conversation_ends_the_stream() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (conversation, run) = begin(&user, "Hold [[script: tokens=4 gate=hold@2]]").await;
    app.model.gate("hold").reached(1).await;
    let mut stream = user
        .try_events(&format!("/chat/runs/{run}/events"))
        .await
        .unwrap();
    stream.next().await.unwrap().unwrap();
    user.delete(&format!("/chat/conversations/{conversation}"))
        .await
        .expect(200);
    let mut last = Value::Null;
    while let Some(event) = stream.next().await {
        last = event.unwrap().data;
    }
    assert_eq!(
        last["data"],
        json!({ "conversation_id": conversation, "deleted": true })
    );
}
