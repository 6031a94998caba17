//! What a restored database does not go on with by itself.

use domain::step::ToolOutcome;
use domain::store::{ApprovalStore, CallStore, FeedStore, PlannedCall, RunStore, Sent};
use domain::{
    CallState, Decision, Fence, LedgerEntry, MessageStatus, OnBusy, RunState, Scope, ToolClass,
    UserId,
};
use store::Restored;

use crate::support::{TestDb, fence, for_each_database, text_delta};

for_each_database! {
    what_was_going_has_ended,
    a_stop_that_was_recorded_is_a_stop,
    the_queue_behind_it_has_ended_too,
    calls_that_may_have_left_are_unknown,
    a_question_goes_on_waiting,
    what_had_ended_stays,
}

async fn called(db: &TestDb, user_id: UserId, calls: Vec<PlannedCall>) -> (Sent, Fence) {
    let (sent, fence) = db.started(user_id, "go").await;
    let step = db.model_step(sent.ai_message.id, calls);
    db.store.record_model_step(fence, step).await.unwrap();
    (sent, fence)
}

/// State of the run and of its answer, its text, and the code of what went wrong.
async fn ended(db: &TestDb, sent: &Sent) -> (RunState, MessageStatus, String, Option<String>) {
    let now = db
        .store
        .sent(sent.run.user_id, sent.run.run_id)
        .await
        .unwrap();
    let code = now.run.error.map(|error| error.code);
    (
        now.run.state,
        now.ai_message.status,
        now.ai_message.content,
        code,
    )
}

fn failed(text: &str) -> (RunState, MessageStatus, String, Option<String>) {
    let code = Some("restored".to_owned());
    (
        RunState::Failed,
        MessageStatus::Failed,
        text.to_owned(),
        code,
    )
}

fn done(ended: u64, unknown: u64) -> Restored {
    Restored { ended, unknown }
}

async fn what_was_going_has_ended(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (going, fence) = db.started(user.id, "go").await;
    let delta = text_delta(going.ai_message.id, 1, 0, "half an ");
    let appended = db.store.append_deltas(fence, vec![delta], db.now());
    appended.await.unwrap();
    let queued = db.send(user.id, "not begun").await;
    let before = db.store.feed_end(user.id).await.unwrap();

    assert_eq!(db.store.begin_anew().await, Ok(done(2, 0)));
    assert_eq!(ended(db, &going).await, failed("half an "));
    assert_eq!(ended(db, &queued).await, failed(""));
    let claimed = db
        .store
        .claim(crate::support::NODE, db.later(60_000), 9, true);
    assert_eq!(claimed.await.unwrap(), vec![]);
    assert!(db.store.feed_end(user.id).await.unwrap().epoch > before.epoch);
    // Once is enough, and a second time harms nothing.
    assert_eq!(db.store.begin_anew().await, Ok(done(0, 0)));
    // The conversation goes on.
    db.send_to(&going, "again").await;
}

async fn a_stop_that_was_recorded_is_a_stop(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, _) = db.started(user.id, "go").await;
    let run_id = sent.run.run_id;
    let asked = db.store.request_cancel(user.id, run_id, db.now()).await;
    assert_eq!(asked.unwrap().state, RunState::Running);
    assert_eq!(db.store.begin_anew().await, Ok(done(1, 0)));
    let cancelled = (
        RunState::Cancelled,
        MessageStatus::Cancelled,
        String::new(),
        None,
    );
    assert_eq!(ended(db, &sent).await, cancelled);
}

async fn the_queue_behind_it_has_ended_too(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (first, _) = db.started(user.id, "first").await;
    let mut all = vec![first];
    for content in ["second", "third"] {
        all.push(db.send_beside(&all[0].run, content, OnBusy::Enqueue).await);
    }
    assert_eq!(db.store.begin_anew().await, Ok(done(3, 0)));
    for sent in &all {
        assert_eq!(ended(db, sent).await, failed(""));
    }
    // Nobody's message is lost: each stands in the conversation, in order, with its failure.
    let shown: Vec<String> = db
        .latest(&all[0])
        .await
        .into_iter()
        .map(|message| format!("{:?} {:?}", message.status, message.content))
        .collect();
    let expected = ["first", "second", "third"]
        .map(|content| [format!("Complete {content:?}"), "Failed \"\"".to_owned()]);
    assert_eq!(shown, expected.concat());
}

async fn calls_that_may_have_left_are_unknown(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let calls = vec![
        db.call("intended", ToolClass::Effectful, false),
        db.call("left", ToolClass::Effectful, false),
        db.call("keyed", ToolClass::Keyed, false),
        db.call("read", ToolClass::ReadOnly, false),
        db.call("asked", ToolClass::Effectful, true),
        db.call("settled", ToolClass::Effectful, false),
    ];
    let ids: Vec<_> = calls.iter().map(|call| call.call.call_id).collect();
    let (sent, fence) = called(db, user.id, calls).await;
    let left = db.store.call_running(fence, ids[1], db.now());
    left.await.unwrap();
    let outcome = ToolOutcome::failed("refused");
    let settled = db.store.record_outcome(fence, ids[5], outcome, db.now());
    settled.await.unwrap();

    assert_eq!(db.store.begin_anew().await, Ok(done(1, 3)));
    let mut states = Vec::new();
    for id in ids {
        let LedgerEntry {
            tool_name, state, ..
        } = db.store.call(user.id, id).await.unwrap().entry;
        states.push((tool_name, state));
    }
    let expected = [
        ("intended", CallState::Unknown),
        ("left", CallState::Unknown),
        ("keyed", CallState::Unknown),
        ("read", CallState::Failed),
        ("asked", CallState::Denied),
        ("settled", CallState::Failed),
    ];
    assert_eq!(
        states,
        expected.map(|(name, state)| (name.to_owned(), state))
    );
    assert_eq!(ended(db, &sent).await.0, RunState::Failed);
    // Theirs to decide, as any other.
    assert_eq!(db.store.unknown_calls(user.id, 9).await.unwrap().len(), 3);
}

async fn a_question_goes_on_waiting(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let calls = vec![
        db.call("asked", ToolClass::Effectful, true),
        db.call("approved", ToolClass::Effectful, true),
    ];
    let (sent, fence_before) = called(db, user.id, calls).await;
    assert!(db.store.park(fence_before, db.now()).await.unwrap());
    let asked = db.store.approvals(user.id).await.unwrap();
    let decide = async |name: &str| {
        let approval = asked.iter().find(|one| one.tool_name == name).unwrap();
        let (id, hash) = (approval.approval_id, &approval.arguments_hash);
        let word = Decision::Approve;
        let decided = db
            .store
            .decide(user.id, id, word, Scope::Once, hash, db.now());
        decided.await.unwrap();
    };
    decide("approved").await;
    let waits = db.send_beside(&sent.run, "behind", OnBusy::Enqueue).await;

    // What the user has let go may have gone; what they have not been able to decide, has not.
    assert_eq!(db.store.begin_anew().await, Ok(done(0, 1)));
    let run = db.store.run(user.id, sent.run.run_id).await.unwrap();
    assert_eq!(run.state, RunState::AwaitingApproval);
    let open = db.store.approvals(user.id).await.unwrap();
    assert_eq!(open.len(), 1);
    let behind = db.store.run(user.id, waits.run.run_id).await.unwrap();
    assert!(behind.waiting);

    decide("asked").await;
    let records = db.store.recall(fence(&db.claim().await)).await.unwrap();
    let states: Vec<_> = records.ledger.iter().map(|entry| entry.state).collect();
    assert_eq!(states, [CallState::Intended, CallState::Unknown]);
}

async fn what_had_ended_stays(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let sent = db.turn(user.id, None, "done").await;
    let before = (ended(db, &sent).await, db.latest(&sent).await);
    assert_eq!(db.store.begin_anew().await, Ok(done(0, 0)));
    assert_eq!((ended(db, &sent).await, db.latest(&sent).await), before);
}
