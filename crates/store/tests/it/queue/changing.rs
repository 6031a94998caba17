//! What waits can be stopped, changed and removed.

use domain::store::{ConversationStore, RunStore, SendMessage};
use domain::*;

use super::{contents, enqueue, finish};
use crate::support::{TestDb, conflict, fence, for_each_database, key};

for_each_database! {
    stop_leaves_the_queue_alone,
    a_run_that_waits_can_be_stopped,
    a_message_that_waits_can_be_changed,
    a_message_that_waits_can_be_removed,
    what_has_begun_is_not_queued,
}

/// What would wait behind this run, under a key.
fn keyed(db: &TestDb, active: &Run, content: &str) -> SendMessage {
    SendMessage {
        conversation_id: Some(active.conversation_id),
        key: key("k", "body"),
        on_busy: OnBusy::Enqueue,
        ..db.message(active.user_id, content)
    }
}

async fn stop_leaves_the_queue_alone(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (active, held) = db.started(user.id, "go").await;
    let waiting = enqueue(db, &active.run, "next").await;
    let stopped = db
        .store
        .request_cancel(user.id, active.run.run_id, db.now())
        .await
        .unwrap();
    assert_eq!(stopped.state, RunState::Running, "its driver ends it");
    let end = domain::store::Finish {
        state: RunState::Cancelled,
        message_status: MessageStatus::Cancelled,
        ..db.completed("so far")
    };
    db.store.finish(held, end).await.unwrap();
    let run = db.claim().await;
    assert_eq!(run.run_id, waiting.run.run_id);
    // Nobody drives this one: it ends at once, and the next has its place.
    db.store.release(fence(&run), db.now()).await.unwrap();
    let last = enqueue(db, &active.run, "last").await;
    db.store
        .request_cancel(user.id, run.run_id, db.now())
        .await
        .unwrap();
    assert_eq!(db.claim().await.run_id, last.run.run_id);
}

async fn a_run_that_waits_can_be_stopped(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (active, held) = db.started(user.id, "go").await;
    let send = keyed(db, &active.run, "first");
    let first = db.store.send(send.clone()).await.unwrap();
    let second = enqueue(db, &active.run, "second").await;
    let run = db
        .store
        .request_cancel(user.id, first.run.run_id, db.now())
        .await
        .unwrap();
    assert_eq!(run, db.store.run(user.id, run.run_id).await.unwrap());
    assert_eq!(
        (run.state, run.finished_at),
        (RunState::Cancelled, Some(db.now()))
    );
    assert_eq!(contents(&db.latest(&active).await), ["go", "", "second"]);
    let id = active.run.conversation_id;
    let conversation = db.store.conversation(user.id, id).await.unwrap();
    assert_eq!(conversation.message_count, 4, "it counts no more");
    let again = db.store.send(send).await.unwrap();
    assert_eq!(
        (
            again.repeated,
            again.user_message.status,
            again.ai_message.status
        ),
        (true, MessageStatus::Cancelled, MessageStatus::Cancelled)
    );
    let (open, _) = db
        .store
        .open_message(user.id, run.conversation_id)
        .await
        .unwrap();
    assert_eq!(open.unwrap().id, active.ai_message.id);
    finish(db, held, "done").await;
    assert_eq!(db.claim().await.run_id, second.run.run_id);
    let all = db.latest(&active).await;
    assert_eq!(contents(&all), ["go", "done", "second", ""]);
    assert_eq!(all[0].siblings, [all[0].id]);
}

async fn a_message_that_waits_can_be_changed(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (active, held) = db.started(user.id, "go").await;
    let send = keyed(db, &active.run, "tyop");
    let sent = db.store.send(send.clone()).await.unwrap();
    let end = i64::try_from(db.feed(user.id).await.len()).unwrap();
    let (id, message) = (active.run.conversation_id, sent.user_message.id);
    let changed = db
        .store
        .change_queued(user.id, id, message, "typo".to_owned(), db.now())
        .await
        .unwrap();
    assert_eq!(
        changed,
        Message {
            content: "typo".to_owned(),
            ..sent.user_message.clone()
        }
    );
    assert_eq!(db.kinds_after(user.id, end).await, ["message"]);
    let again = db.store.send(send).await.unwrap();
    assert_eq!(again.user_message, changed);
    finish(db, held, "done").await;
    let run = db.claim().await;
    let now = db.store.sent(user.id, run.run_id).await.unwrap();
    assert_eq!(now.user_message.content, "typo");
}

async fn a_message_that_waits_can_be_removed(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (active, held) = db.started(user.id, "go").await;
    let send = keyed(db, &active.run, "first");
    let first = db.store.send(send.clone()).await.unwrap();
    let second = enqueue(db, &active.run, "second").await;
    let end = i64::try_from(db.feed(user.id).await.len()).unwrap();
    let (id, message) = (active.run.conversation_id, first.user_message.id);
    let remove = || db.store.remove_queued(user.id, id, message, db.now());
    remove().await.unwrap();
    assert_eq!(
        db.kinds_after(user.id, end).await,
        ["run", "message_deleted", "conversation"]
    );
    assert_eq!(remove().await, Err(StoreError::NotFound));
    let other = SendMessage {
        key: key("k", "something else"),
        ..send.clone()
    };
    for repeat in [send, other] {
        assert_eq!(db.store.send(repeat).await, Err(StoreError::Gone));
    }
    assert_eq!(
        db.store.run(user.id, first.run.run_id).await,
        Err(StoreError::NotFound)
    );
    let ids = [message, first.ai_message.id];
    let (left, _) = db.store.messages_by_id(user.id, &ids).await.unwrap();
    assert_eq!(left, []);
    let conversation = db.store.conversation(user.id, id).await.unwrap();
    assert_eq!(conversation.message_count, 4);
    finish(db, held, "done").await;
    assert_eq!(db.claim().await.run_id, second.run.run_id);
}

async fn what_has_begun_is_not_queued(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (active, held) = db.started(user.id, "go").await;
    let next = enqueue(db, &active.run, "next").await;
    finish(db, held, "done").await;
    // Its turn has come, though nobody has claimed it yet.
    let id = active.run.conversation_id;
    for message in [
        next.user_message.id,
        next.ai_message.id,
        active.user_message.id,
        active.ai_message.id,
    ] {
        let text = "late".to_owned();
        let changed = db
            .store
            .change_queued(user.id, id, message, text, db.now())
            .await;
        assert_eq!(conflict(changed), "not_queued");
        let removed = db.store.remove_queued(user.id, id, message, db.now()).await;
        assert_eq!(conflict(removed), "not_queued");
    }
    assert_eq!(
        contents(&db.latest(&active).await),
        ["go", "done", "next", ""]
    );
}
