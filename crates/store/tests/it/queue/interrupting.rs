//! A message that ends what is going on, and takes its place.

use domain::store::{ApprovalStore, RunStore, SendMessage};
use domain::*;

use super::{contents, enqueue, finish};
use crate::support::{OTHER_NODE, TestDb, conflict, fence, for_each_database, key, text_delta};

for_each_database! {
    interrupting_ends_the_active_run_with_what_it_said,
    interrupting_a_run_that_asks_denies_its_calls,
    interrupting_goes_behind_those_that_wait,
    an_interruption_outlives_its_node,
    a_repeated_interruption_ends_nothing_else,
}

async fn interrupting_ends_the_active_run_with_what_it_said(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (active, held) = db.started(user.id, "go").await;
    let delta = text_delta(active.ai_message.id, 1, 0, "half an ");
    db.store
        .append_deltas(held, vec![delta], db.now())
        .await
        .unwrap();
    let sent = db
        .send_beside(&active.run, "no, this", OnBusy::Interrupt)
        .await;
    assert_eq!(sent.interrupted, Some(active.run.run_id));
    let ended = db.store.sent(user.id, active.run.run_id).await.unwrap();
    assert_eq!(
        (ended.run.state, ended.run.finished_at),
        (RunState::Cancelled, Some(db.now()))
    );
    assert_eq!(
        (ended.ai_message.status, ended.ai_message.content.as_str()),
        (MessageStatus::Interrupted, "half an ")
    );
    assert_eq!(sent.user_message.parent_id, Some(active.ai_message.id));
    assert_eq!(
        (sent.user_message.status, sent.run.waiting),
        (MessageStatus::Complete, false)
    );
    // Whoever drove it writes nothing more.
    let end = db.feed(user.id).await.len();
    let late = text_delta(active.ai_message.id, 1, 8, "answer");
    let writes = [
        db.store.append_deltas(held, vec![late], db.now()).await,
        db.store.finish(held, db.completed("late")).await,
        db.store.release(held, db.now()).await,
        db.store.begin_answer(held, None, db.now()).await.map(drop),
        db.store.park(held, db.now()).await.map(drop),
    ];
    for write in writes {
        assert_eq!(write, Err(StoreError::FenceLost));
    }
    assert_eq!(db.feed(user.id).await.len(), end);
    assert_eq!(db.claim().await.run_id, sent.run.run_id);
}

async fn interrupting_a_run_that_asks_denies_its_calls(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (active, held) = db.started(user.id, "go").await;
    let calls = vec![db.call("t", ToolClass::Effectful, true)];
    let step = db.model_step(active.ai_message.id, calls);
    db.store.record_model_step(held, step).await.unwrap();
    assert!(db.store.park(held, db.now()).await.unwrap());
    let asked = db.store.approvals(user.id).await.unwrap();
    let sent = db
        .send_beside(&active.run, "never mind", OnBusy::Interrupt)
        .await;
    assert_eq!(sent.interrupted, Some(active.run.run_id));
    assert_eq!(db.store.approvals(user.id).await.unwrap(), []);
    let ids = [asked[0].approval_id];
    let decided = db.store.approvals_by_id(user.id, &ids).await.unwrap();
    assert_eq!(decided[0].decision, Some(Decision::Deny));
    let messages = db.latest(&active).await;
    let shown: Vec<_> = messages
        .iter()
        .map(|m| (m.message_type, m.status))
        .collect();
    let complete = MessageStatus::Complete;
    assert_eq!(
        shown,
        [
            (MessageType::UserInput, complete),
            (MessageType::AssistantResponse, MessageStatus::Interrupted),
            (MessageType::ToolCall, complete),
            (MessageType::ToolResult, complete),
            (MessageType::UserInput, complete),
            (MessageType::AssistantResponse, MessageStatus::Queued),
        ]
    );
    assert_eq!(messages[3].tool_success, Some(ToolSuccess::False));
    let hash = &asked[0].arguments_hash;
    let late = db
        .store
        .decide(
            user.id,
            ids[0],
            Decision::Approve,
            Scope::Once,
            hash,
            db.now(),
        )
        .await;
    assert_eq!(conflict(late), "already_decided");
}

async fn interrupting_goes_behind_those_that_wait(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (active, _) = db.started(user.id, "go").await;
    let first = enqueue(db, &active.run, "first").await;
    let second = db
        .send_beside(&active.run, "second", OnBusy::Interrupt)
        .await;
    assert_eq!(second.interrupted, Some(active.run.run_id));
    assert!(second.run.waiting);
    let run = db.claim().await;
    assert_eq!(run.run_id, first.run.run_id);
    finish(db, fence(&run), "ok").await;
    assert_eq!(db.claim().await.run_id, second.run.run_id);
    assert_eq!(
        contents(&db.latest(&active).await),
        ["go", "", "first", "ok", "second", ""]
    );
}

async fn an_interruption_outlives_its_node(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (active, _) = db.started(user.id, "go").await;
    let sent = db.send_beside(&active.run, "this", OnBusy::Interrupt).await;
    let later = enqueue(db, &sent.run, "then this").await;
    // The node dies before it told the driver; another one begins.
    let found = db.store.claim(OTHER_NODE, db.now(), 9, true).await.unwrap();
    let ids: Vec<_> = found.iter().map(|run| run.run_id).collect();
    assert_eq!(ids, [sent.run.run_id]);
    finish(db, fence(&found[0]), "ok").await;
    assert_eq!(db.claim().await.run_id, later.run.run_id);
}

async fn a_repeated_interruption_ends_nothing_else(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (active, _) = db.started(user.id, "go").await;
    let send = SendMessage {
        conversation_id: Some(active.run.conversation_id),
        key: key("k", "body"),
        on_busy: OnBusy::Interrupt,
        ..db.message(user.id, "this")
    };
    let sent = db.store.send(send.clone()).await.unwrap();
    let run = db.claim().await;
    let again = SendMessage {
        new_run_id: RunId(db.uuid()),
        ..send
    };
    let again = db.store.send(again).await.unwrap();
    assert_eq!(
        (again.run.run_id, again.repeated, again.interrupted),
        (sent.run.run_id, true, None)
    );
    assert_eq!(
        db.store.run(user.id, run.run_id).await.unwrap().state,
        RunState::Running
    );
}
