//! Stop, in each state of a run.

use domain::limits::LEASE_MS;
use domain::store::RunStore;
use domain::{Fence, MessageStatus, RunState, StoreError};

use crate::support::{TestDb, for_each_database, text_delta};

for_each_database! {
    a_queued_run_ends_at_once,
    a_driven_run_is_ended_by_its_driver,
    an_abandoned_run_ends_with_its_text,
    a_released_run_ends_at_once,
    an_ended_run_stays_as_it_is,
}

async fn a_queued_run_ends_at_once(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let sent = db.send(user.id, "go").await;
    let run = db
        .store
        .request_cancel(user.id, sent.run.run_id, db.now())
        .await
        .unwrap();
    assert_eq!(run, db.store.run(user.id, sent.run.run_id).await.unwrap());
    assert_eq!(
        (run.state, run.finished_at),
        (RunState::Cancelled, Some(db.now()))
    );
    let after = db.store.sent(user.id, run.run_id).await.unwrap();
    assert_eq!(
        (after.ai_message.status, after.ai_message.content.as_str()),
        (MessageStatus::Cancelled, "")
    );
    assert_eq!(after.ai_message.id, sent.ai_message.id);
    // The conversation is free again.
    db.send_to(&sent, "else").await;
}

async fn a_driven_run_is_ended_by_its_driver(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let run = db
        .store
        .request_cancel(user.id, sent.run.run_id, db.now())
        .await
        .unwrap();
    assert_eq!((run.state, run.cancel_requested), (RunState::Running, true));
    let delta = text_delta(sent.ai_message.id, 1, 0, "still mine");
    db.store
        .append_deltas(fence, vec![delta], db.now())
        .await
        .unwrap();
    let finish = domain::store::Finish {
        state: RunState::Cancelled,
        message_status: MessageStatus::Cancelled,
        text: None,
        ..db.completed("")
    };
    db.store.finish(fence, finish).await.unwrap();
    let after = db.store.sent(user.id, run.run_id).await.unwrap();
    assert_eq!(after.ai_message.content, "still mine");
    assert_eq!(after.ai_message.status, MessageStatus::Cancelled);
}

async fn an_abandoned_run_ends_with_its_text(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let delta = text_delta(sent.ai_message.id, 1, 0, "half");
    db.store
        .append_deltas(fence, vec![delta], db.now())
        .await
        .unwrap();
    db.later(LEASE_MS + 1);
    let run = db
        .store
        .request_cancel(user.id, sent.run.run_id, db.now())
        .await
        .unwrap();
    assert_eq!(run.state, RunState::Cancelled);
    let after = db.store.sent(user.id, run.run_id).await.unwrap();
    assert_eq!(
        (after.ai_message.status, after.ai_message.content.as_str()),
        (MessageStatus::Cancelled, "half")
    );
    let late = db.store.finish(fence, db.completed("late")).await;
    assert_eq!(late, Err(StoreError::FenceLost));
}

async fn a_released_run_ends_at_once(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence): (_, Fence) = db.started(user.id, "go").await;
    let delta = text_delta(sent.ai_message.id, 1, 0, "half");
    db.store
        .append_deltas(fence, vec![delta], db.now())
        .await
        .unwrap();
    db.store.release(fence, db.now()).await.unwrap();
    let run = db
        .store
        .request_cancel(user.id, sent.run.run_id, db.now())
        .await
        .unwrap();
    assert_eq!(run.state, RunState::Cancelled);
    let after = db.store.sent(user.id, run.run_id).await.unwrap();
    assert_eq!(after.ai_message.content, "half");
}

async fn an_ended_run_stays_as_it_is(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let done = db.turn(user.id, None, "done").await;
    let end = db.feed(user.id).await.len();
    db.later(5);
    let run = db
        .store
        .request_cancel(user.id, done.run.run_id, db.now())
        .await
        .unwrap();
    assert_eq!(run, done.run);
    assert_eq!(db.feed(user.id).await.len(), end);
}
