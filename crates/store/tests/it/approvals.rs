//! Parking, deciding, and everything that can happen in between.

use domain::store::{ApprovalStore, ConversationStore, RunStore, Sent};
use domain::{
    Approval, ApprovalId, CallState, Decision, Fence, MessageStatus, RunState, Scope, StoreError,
    ToolClass,
};

use crate::support::{NODE, TestDb, conflict, for_each_database};

for_each_database! {
    a_decision_queues_the_parked_run,
    two_approvals_wait_for_both,
    a_decision_before_the_park_is_met,
    nothing_undecided_is_not_parked,
    a_decision_is_made_once,
    a_stop_while_parking_stays_with_the_driver,
    cancelling_a_parked_run_denies,
    deciding_after_the_end_is_too_late,
}

async fn asked(db: &TestDb, calls: usize) -> (Sent, Fence, Vec<Approval>) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let calls = (0..calls)
        .map(|_| db.call("shell", ToolClass::Effectful, true))
        .collect();
    let step = db.model_step(sent.ai_message.id, calls);
    db.store.record_model_step(fence, step).await.unwrap();
    let approvals = db.store.approvals(user.id).await.unwrap();
    (sent, fence, approvals)
}

async fn decide(db: &TestDb, approval: &Approval, decision: Decision) -> Approval {
    let (user_id, id, hash) = (
        approval.user_id,
        approval.approval_id,
        &approval.arguments_hash,
    );
    db.store
        .decide(user_id, id, decision, Scope::Once, hash, db.now())
        .await
        .unwrap()
}

async fn state(db: &TestDb, sent: &Sent) -> (RunState, MessageStatus) {
    let now = db
        .store
        .sent(sent.run.user_id, sent.run.run_id)
        .await
        .unwrap();
    (now.run.state, now.ai_message.status)
}

async fn a_decision_queues_the_parked_run(db: &TestDb) {
    let (sent, fence, approvals) = asked(db, 1).await;
    assert!(db.store.park(fence, db.now()).await.unwrap());
    assert_eq!(
        state(db, &sent).await,
        (RunState::AwaitingApproval, MessageStatus::AwaitingApproval)
    );
    let (open, _) = db
        .store
        .open_message(sent.run.user_id, sent.run.conversation_id)
        .await
        .unwrap();
    assert_eq!(open.unwrap().content, "let me see");
    assert_eq!(
        db.store.park(fence, db.now()).await,
        Err(StoreError::FenceLost)
    );
    assert_eq!(
        db.store.claim(NODE, db.now(), 9, true).await.unwrap(),
        vec![]
    );
    let send = domain::store::SendMessage {
        conversation_id: Some(sent.run.conversation_id),
        ..db.message(sent.run.user_id, "again")
    };
    let busy = db.store.send(send).await;
    assert!(matches!(
        busy,
        Err(StoreError::RunActive {
            state: RunState::AwaitingApproval,
            ..
        })
    ));
    let end = db.feed(sent.run.user_id).await.len();
    let decided = decide(db, &approvals[0], Decision::Approve).await;
    let expected = Approval {
        decision: Some(Decision::Approve),
        scope: Some(Scope::Once),
        decided_at: Some(db.now()),
        ..approvals[0].clone()
    };
    assert_eq!(decided, expected);
    assert_eq!(
        state(db, &sent).await,
        (RunState::Queued, MessageStatus::Complete)
    );
    let kinds = db
        .kinds_after(sent.run.user_id, i64::try_from(end).unwrap())
        .await;
    assert_eq!(kinds, ["approval", "message", "run"]);
    let again = db.claim().await;
    assert_eq!((again.run_id, again.attempts), (sent.run.run_id, 0));
}

async fn two_approvals_wait_for_both(db: &TestDb) {
    let (sent, fence, approvals) = asked(db, 2).await;
    assert!(db.store.park(fence, db.now()).await.unwrap());
    decide(db, &approvals[0], Decision::Deny).await;
    assert_eq!(state(db, &sent).await.0, RunState::AwaitingApproval);
    assert_eq!(
        db.store.approvals(sent.run.user_id).await.unwrap(),
        approvals[1..]
    );
    decide(db, &approvals[1], Decision::Approve).await;
    assert_eq!(state(db, &sent).await.0, RunState::Queued);
    let ids: Vec<ApprovalId> = approvals.iter().map(|a| a.approval_id).collect();
    let both = db
        .store
        .approvals_by_id(sent.run.user_id, &ids)
        .await
        .unwrap();
    let decisions: Vec<_> = both.iter().map(|approval| approval.decision).collect();
    assert_eq!(decisions, [Some(Decision::Deny), Some(Decision::Approve)]);
}

async fn a_decision_before_the_park_is_met(db: &TestDb) {
    let (sent, fence, approvals) = asked(db, 1).await;
    decide(db, &approvals[0], Decision::Approve).await;
    assert_eq!(state(db, &sent).await.0, RunState::Running);
    assert!(!db.store.park(fence, db.now()).await.unwrap());
    assert_eq!(state(db, &sent).await.0, RunState::Running);
}

async fn nothing_undecided_is_not_parked(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (_, fence) = db.started(user.id, "go").await;
    assert!(!db.store.park(fence, db.now()).await.unwrap());
}

async fn a_decision_is_made_once(db: &TestDb) {
    let (sent, fence, approvals) = asked(db, 1).await;
    db.store.park(fence, db.now()).await.unwrap();
    let one = &approvals[0];
    let (user_id, id) = (sent.run.user_id, one.approval_id);
    let wrong = db
        .store
        .decide(
            user_id,
            id,
            Decision::Approve,
            Scope::Once,
            "else",
            db.now(),
        )
        .await;
    assert_eq!(conflict(wrong), "arguments_changed");
    let tries = (0..6).map(|n| {
        let decision = if n % 2 == 0 {
            Decision::Approve
        } else {
            Decision::Deny
        };
        db.store.decide(
            user_id,
            id,
            decision,
            Scope::Once,
            &one.arguments_hash,
            db.now(),
        )
    });
    let outcomes = futures::future::join_all(tries).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for refused in outcomes.into_iter().filter(Result::is_err) {
        assert_eq!(conflict(refused), "already_decided");
    }
}

async fn a_stop_while_parking_stays_with_the_driver(db: &TestDb) {
    let (sent, fence, _) = asked(db, 1).await;
    let (user_id, run_id) = (sent.run.user_id, sent.run.run_id);
    let run = db
        .store
        .request_cancel(user_id, run_id, db.now())
        .await
        .unwrap();
    assert_eq!((run.state, run.cancel_requested), (RunState::Running, true));
    assert!(!db.store.park(fence, db.now()).await.unwrap());
}

async fn cancelling_a_parked_run_denies(db: &TestDb) {
    let (sent, fence, approvals) = asked(db, 2).await;
    db.store.park(fence, db.now()).await.unwrap();
    decide(db, &approvals[0], Decision::Approve).await;
    let (user_id, run_id) = (sent.run.user_id, sent.run.run_id);
    let run = db
        .store
        .request_cancel(user_id, run_id, db.now())
        .await
        .unwrap();
    assert_eq!(run.state, RunState::Cancelled);
    assert_eq!(
        state(db, &sent).await,
        (RunState::Cancelled, MessageStatus::Cancelled)
    );
    assert_eq!(db.store.approvals(user_id).await.unwrap(), vec![]);
    let messages = db.latest(&sent).await;
    let states: Vec<_> = messages
        .iter()
        .filter_map(|message| message.additional_data.as_ref()?.get("state").cloned())
        .collect();
    assert_eq!(
        states,
        [CallState::Failed.as_str(), CallState::Denied.as_str()]
    );
    assert_eq!(messages[1].content, "let me see");
}

async fn deciding_after_the_end_is_too_late(db: &TestDb) {
    let (sent, fence, approvals) = asked(db, 1).await;
    db.store.park(fence, db.now()).await.unwrap();
    let (user_id, run_id) = (sent.run.user_id, sent.run.run_id);
    db.store
        .request_cancel(user_id, run_id, db.now())
        .await
        .unwrap();
    let one = &approvals[0];
    let late = db
        .store
        .decide(
            user_id,
            one.approval_id,
            Decision::Approve,
            Scope::Once,
            &one.arguments_hash,
            db.now(),
        )
        .await;
    assert_eq!(conflict(late), "already_decided");
    assert_eq!(state(db, &sent).await.0, RunState::Cancelled);
}
