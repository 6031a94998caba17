//! Streamed text: offsets, snapshots, revisions.

use domain::message::{Revision, Window};
use domain::store::{ConversationStore, FeedStore, OpenAnswer, RunStore};
use domain::{Delta, DeltaChannel, EventBody, Fence, MessageStatus, Offsets, StoreError};
use serde_json::json;

use crate::support::{TestDb, fence, for_each_database, text_delta};

for_each_database! {
    open_text_is_what_was_streamed,
    a_delta_stored_twice_counts_once,
    channels_have_their_own_offsets,
    restarting_keeps_the_old_text,
    restarting_nothing_does_nothing,
    restarting_mere_reasoning_starts_its_offsets_again,
    finishing_without_text_keeps_the_streamed,
    many_runs_share_a_batch_and_one_is_fenced_off,
    begin_is_repeatable,
    the_model_that_began_stays_the_runs,
}

const TEXT: &str = "Grüße 👩‍👩‍👧, 漢字 e\u{301}!";

async fn open_text_is_what_was_streamed(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let id = sent.ai_message.id;
    let mut offset = 0;
    for part in TEXT.chars().map(String::from) {
        let delta = text_delta(id, 1, offset, &part);
        db.store
            .append_deltas(fence, vec![delta], db.now())
            .await
            .unwrap();
        offset += part.len();
        let (open, cursor) = db
            .store
            .open_message(user.id, sent.run.conversation_id)
            .await
            .unwrap();
        let open = open.unwrap();
        assert_eq!(open.content, TEXT[..offset]);
        assert_eq!(open.offsets.text, i64::try_from(offset).unwrap());
        assert_eq!((open.id, open.status), (id, MessageStatus::Streaming));
        assert_eq!(cursor, db.store.feed_end(user.id).await.unwrap());
    }
    let (messages, _) = db.store.messages_by_id(user.id, &[id]).await.unwrap();
    assert_eq!(messages[0].content, TEXT);
    let page = db
        .store
        .messages(user.id, sent.run.conversation_id, Window::Latest, 5)
        .await
        .unwrap();
    assert_eq!(page.messages[1].content, TEXT);
    let streamed: String = db
        .feed(user.id)
        .await
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::Delta(delta) => Some(delta.text.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(streamed, TEXT);
}

async fn a_delta_stored_twice_counts_once(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let id = sent.ai_message.id;
    let deltas = vec![text_delta(id, 1, 0, "äb"), text_delta(id, 1, 3, "cd")];
    for _ in 0..2 {
        db.store
            .append_deltas(fence, deltas.clone(), db.now())
            .await
            .unwrap();
    }
    let records = db.store.recall(fence).await.unwrap();
    assert_eq!(records.open_answer.unwrap().text, "äbcd");
}

async fn channels_have_their_own_offsets(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let message_id = sent.ai_message.id;
    let delta = |channel, offset, text: &str| Delta {
        message_id,
        revision: 1,
        channel,
        offset,
        text: text.to_owned(),
    };
    let deltas = vec![
        delta(DeltaChannel::Reasoning, 0, "hm "),
        delta(DeltaChannel::Text, 0, "ja"),
        delta(DeltaChannel::Reasoning, 3, "ö"),
        delta(DeltaChannel::ToolArguments, 0, "{\"a\":"),
    ];
    db.store
        .append_deltas(fence, deltas, db.now())
        .await
        .unwrap();
    let (open, _) = db
        .store
        .open_message(user.id, sent.run.conversation_id)
        .await
        .unwrap();
    let open = open.unwrap();
    assert_eq!(
        open.offsets,
        Offsets {
            text: 2,
            reasoning: 5,
            tool_arguments: 5
        }
    );
    assert_eq!(open.additional_data, Some(json!({ "reasoning": "hm ö" })));
    let answer = db.store.begin_answer(fence, None, db.now()).await.unwrap();
    let expected = OpenAnswer {
        message_id,
        revision: 1,
        text: "ja".to_owned(),
        reasoning: "hm ö".to_owned(),
        tool_arguments: 5,
    };
    assert_eq!(answer, expected);
}

async fn restarting_keeps_the_old_text(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let (conversation, id) = (sent.run.conversation_id, sent.ai_message.id);
    for revision in 1..=2 {
        let delta = text_delta(id, revision, 0, &format!("try {revision}"));
        db.store
            .append_deltas(fence, vec![delta], db.now())
            .await
            .unwrap();
        let answer = db.store.restart_answer(fence, db.now()).await.unwrap();
        assert_eq!((answer.revision, answer.text.as_str()), (revision + 1, ""));
    }
    let delta = text_delta(id, 3, 0, "at last");
    db.store
        .append_deltas(fence, vec![delta], db.now())
        .await
        .unwrap();
    let (open, _) = db.store.open_message(user.id, conversation).await.unwrap();
    let open = open.unwrap();
    assert_eq!((open.revision, open.content.as_str()), (3, "at last"));
    let revisions = db.store.revisions(user.id, conversation, id).await.unwrap();
    let expected: Vec<_> = (1..=2)
        .map(|revision| Revision {
            revision,
            content: format!("try {revision}"),
            superseded_at: db.now(),
        })
        .collect();
    assert_eq!(revisions, expected);
}

async fn restarting_nothing_does_nothing(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (_, fence) = db.started(user.id, "go").await;
    let end = db.store.feed_end(user.id).await.unwrap();
    let answer = db.store.restart_answer(fence, db.now()).await.unwrap();
    assert_eq!(answer.revision, 1);
    assert_eq!(db.store.feed_end(user.id).await.unwrap(), end);
}

async fn restarting_mere_reasoning_starts_its_offsets_again(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let delta = Delta {
        channel: DeltaChannel::Reasoning,
        ..text_delta(sent.ai_message.id, 1, 0, "hm")
    };
    db.store
        .append_deltas(fence, vec![delta], db.now())
        .await
        .unwrap();
    let answer = db.store.restart_answer(fence, db.now()).await.unwrap();
    assert_eq!((answer.revision, answer.reasoning.as_str()), (2, ""));
    let (conversation, id) = (sent.run.conversation_id, sent.ai_message.id);
    assert_eq!(
        db.store.revisions(user.id, conversation, id).await.unwrap(),
        vec![]
    );
}

async fn finishing_without_text_keeps_the_streamed(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let id = sent.ai_message.id;
    db.store
        .append_deltas(fence, vec![text_delta(id, 1, 0, TEXT)], db.now())
        .await
        .unwrap();
    let finish = domain::store::Finish {
        text: None,
        ..db.completed("")
    };
    db.store.finish(fence, finish).await.unwrap();
    let message = db
        .store
        .sent(user.id, sent.run.run_id)
        .await
        .unwrap()
        .ai_message;
    assert_eq!(
        (message.content.as_str(), message.status),
        (TEXT, MessageStatus::Complete)
    );
    assert_eq!(message.offsets.text, i64::try_from(TEXT.len()).unwrap());
    let late = db
        .store
        .append_deltas(fence, vec![text_delta(id, 1, 0, "late")], db.now())
        .await;
    assert_eq!(late, Err(StoreError::FenceLost));
}

async fn many_runs_share_a_batch_and_one_is_fenced_off(db: &TestDb) {
    let mut runs = Vec::new();
    for n in 0..12 {
        let user = db.user(&format!("u{n}@example.org")).await;
        runs.push((user.id, db.started(user.id, "go").await));
    }
    let lost = runs[5].1.1;
    let stale = domain::Fence {
        fence: lost.fence - 1,
        ..lost
    };
    let appends = runs.iter().enumerate().map(|(n, (_, (sent, fence)))| {
        let fence = if n == 5 { stale } else { *fence };
        let delta = text_delta(sent.ai_message.id, 1, 0, &format!("text {n}"));
        db.store.append_deltas(fence, vec![delta], db.now())
    });
    let outcomes = futures::future::join_all(appends).await;
    for (n, outcome) in outcomes.into_iter().enumerate() {
        let expected = if n == 5 {
            Err(StoreError::FenceLost)
        } else {
            Ok(())
        };
        assert_eq!(outcome, expected, "{n}");
    }
    for (n, (user_id, (sent, _))) in runs.iter().enumerate() {
        let (open, _) = db
            .store
            .open_message(*user_id, sent.run.conversation_id)
            .await
            .unwrap();
        let expected = if n == 5 {
            String::new()
        } else {
            format!("text {n}")
        };
        assert_eq!(open.unwrap().content, expected);
    }
}

async fn begin_is_repeatable(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let sent = db.send(user.id, "go").await;
    let fence = fence(&db.claim().await);
    let first = db.store.begin_answer(fence, None, db.now()).await.unwrap();
    let end = db.store.feed_end(user.id).await.unwrap();
    assert_eq!(
        db.store.begin_answer(fence, None, db.now()).await.unwrap(),
        first
    );
    assert_eq!(db.store.feed_end(user.id).await.unwrap(), end);
    assert_eq!(first.message_id, sent.ai_message.id);
    assert_eq!(db.latest(&sent).await.len(), 2);
}

async fn the_model_that_began_stays_the_runs(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let sent = db.send(user.id, "go").await;
    let mine = fence(&db.claim().await);
    let model = async || db.store.recall(mine).await.unwrap().run.model;
    for (said, recorded) in [
        (None, None),
        (Some("a/one"), Some("a/one")),
        (Some("b/two"), Some("a/one")),
        (None, Some("a/one")),
    ] {
        let begun = db.store.begin_answer(mine, said, db.now()).await;
        assert_eq!(begun.unwrap().message_id, sent.ai_message.id);
        assert_eq!(model().await.as_deref(), recorded);
    }
    let stale = Fence {
        fence: mine.fence - 1,
        ..mine
    };
    let late = db
        .store
        .begin_answer(stale, Some("c/three"), db.now())
        .await;
    assert_eq!(late, Err(StoreError::FenceLost));
    assert_eq!(model().await.as_deref(), Some("a/one"));
}
