//! Claims, leases, fences.

use domain::limits::LEASE_MS;
use domain::step::ToolOutcome;
use domain::store::RunStore;
use domain::todo::Command;
use domain::{
    CallId, EventBody, Fence, RunId, RunState, StoreError, StoreResult, TodoCommand, ToolClass,
};

use crate::support::{NODE, OTHER_NODE, TestDb, fence, for_each_database, text_delta};

for_each_database! {
    first_in_first_out,
    a_run_is_claimed_once,
    a_lease_that_is_over_is_taken,
    a_boot_takes_at_once,
    renewing_keeps_and_tells,
    releasing_hands_back,
    every_fenced_method_refuses_an_old_fence,
    attempts_start_again_at_a_step,
    records_are_recalled,
}

async fn first_in_first_out(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let mut sent = Vec::new();
    for n in 0..5 {
        sent.push(db.send(user.id, &format!("m{n}")).await.run.run_id);
        db.later(1);
    }
    let ids = |runs: Vec<domain::Run>| runs.iter().map(|run| run.run_id).collect::<Vec<_>>();
    let claimed = db.store.claim(NODE, db.now(), 3, false).await.unwrap();
    assert!(claimed.iter().all(|run| {
        (run.state, run.fence, run.attempts, run.node_id) == (RunState::Running, 1, 0, Some(NODE))
            && run.started_at == Some(db.now())
    }));
    assert_eq!(ids(claimed), sent[..3]);
    assert_eq!(
        ids(db.store.claim(NODE, db.now(), 9, false).await.unwrap()),
        sent[3..]
    );
    assert_eq!(
        ids(db.store.claim(NODE, db.now(), 9, false).await.unwrap()),
        []
    );
    let running = db
        .feed(user.id)
        .await
        .iter()
        .filter(|event| {
            matches!(
                event.body,
                EventBody::Run {
                    state: RunState::Running,
                    ..
                }
            )
        })
        .count();
    assert_eq!(running, 5);
}

async fn a_run_is_claimed_once(db: &TestDb) {
    let user = db.user("a@example.org").await;
    for n in 0..20 {
        db.send(user.id, &format!("m{n}")).await;
    }
    let claims = (0..10).map(|n| {
        let node = if n % 2 == 0 { NODE } else { OTHER_NODE };
        db.store.claim(node, db.now(), 4, false)
    });
    let claimed = futures::future::try_join_all(claims).await.unwrap();
    let mut ids: Vec<RunId> = claimed.iter().flatten().map(|run| run.run_id).collect();
    let rest = db.store.claim(NODE, db.now(), 100, false).await.unwrap();
    ids.extend(rest.iter().map(|run| run.run_id));
    let total = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((total, ids.len()), (20, 20));
}

async fn a_lease_that_is_over_is_taken(db: &TestDb) {
    let user = db.user("a@example.org").await;
    db.send(user.id, "go").await;
    let first = db.claim().await;
    db.later(LEASE_MS);
    assert_eq!(
        db.store
            .claim(OTHER_NODE, db.now(), 1, false)
            .await
            .unwrap(),
        vec![]
    );
    db.later(1);
    for attempt in 1..=7 {
        let taken = db
            .store
            .claim(OTHER_NODE, db.now(), 1, false)
            .await
            .unwrap()
            .remove(0);
        assert_eq!((taken.fence, taken.attempts), (1 + attempt, attempt));
        assert_eq!(taken.started_at, first.started_at);
        db.later(LEASE_MS + 1);
    }
    assert_eq!(
        db.store.begin_answer(fence(&first), None, db.now()).await,
        Err(StoreError::FenceLost)
    );
}

async fn a_boot_takes_at_once(db: &TestDb) {
    let user = db.user("a@example.org").await;
    db.send(user.id, "go").await;
    db.claim().await;
    assert_eq!(
        db.store.claim(NODE, db.now(), 1, true).await.unwrap(),
        vec![]
    );
    let taken = db.store.claim(OTHER_NODE, db.now(), 1, true).await.unwrap();
    assert_eq!((taken.len(), taken[0].attempts), (1, 1));
}

async fn renewing_keeps_and_tells(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (first, _) = db.started(user.id, "one").await;
    let (second, _) = db.started(user.id, "two").await;
    // Claimed, and nobody here drives it.
    let (orphan, _) = db.started(user.id, "three").await;
    db.later(LEASE_MS - 1);
    db.store
        .request_cancel(user.id, second.run.run_id, db.now())
        .await
        .unwrap();
    let driven = vec![first.run.run_id, second.run.run_id];
    let mut renewal = db
        .store
        .renew(NODE, driven.clone(), db.now())
        .await
        .unwrap();
    renewal.kept.sort();
    assert_eq!(renewal.kept, [first.run.run_id, second.run.run_id]);
    assert_eq!(renewal.cancel_requested, [second.run.run_id]);
    db.later(LEASE_MS - 1);
    let left = db.store.claim(NODE, db.now(), 9, false).await.unwrap();
    let left: Vec<_> = left.iter().map(|run| (run.run_id, run.attempts)).collect();
    assert_eq!(left, [(orphan.run.run_id, 1)]);
    let renewal = db.store.renew(OTHER_NODE, driven, db.now()).await.unwrap();
    assert_eq!(renewal.kept, vec![]);
}

async fn releasing_hands_back(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, mine) = db.started(user.id, "go").await;
    db.store.release(mine, db.now()).await.unwrap();
    let run = db.store.run(user.id, sent.run.run_id).await.unwrap();
    assert_eq!(
        (run.state, run.node_id, run.attempts),
        (RunState::Queued, None, 0)
    );
    assert_eq!(
        db.store.release(mine, db.now()).await,
        Err(StoreError::FenceLost)
    );
    let again = db
        .store
        .claim(OTHER_NODE, db.now(), 1, false)
        .await
        .unwrap()
        .remove(0);
    assert_eq!((again.fence, again.attempts), (2, 0));
}

async fn every_fenced_method_refuses_an_old_fence(db: &TestDb) {
    fn lost<T: std::fmt::Debug>(what: &str, result: StoreResult<T>) {
        assert!(
            matches!(result, Err(StoreError::FenceLost)),
            "{what}: {result:?}"
        );
    }
    let user = db.user("a@example.org").await;
    let (sent, old) = db.started(user.id, "go").await;
    let call = db.call("todo", ToolClass::Transactional, false);
    let step = db.model_step(sent.ai_message.id, vec![call.clone()]);
    db.store.record_model_step(old, step.clone()).await.unwrap();
    db.later(LEASE_MS + 1);
    let new = fence(&db.claim().await);
    assert_ne!(new, old);
    let before = (db.feed(user.id).await, db.latest(&sent).await);
    let random = Fence {
        run_id: RunId(db.uuid()),
        fence: 1,
    };
    let call_id: CallId = call.call.call_id;
    let now = db.now();
    for stale in [
        old,
        random,
        Fence {
            fence: new.fence + 1,
            ..new
        },
    ] {
        let delta = text_delta(sent.ai_message.id, 1, 0, "late");
        let outcome = ToolOutcome::failed("late");
        let command = Command::Todo(TodoCommand::Add {
            title: "late".to_owned(),
            due_at: None,
        });
        let s = &db.store;
        lost("release", s.release(stale, now).await);
        lost("recall", s.recall(stale).await);
        lost("begin_answer", s.begin_answer(stale, None, now).await);
        lost("restart_answer", s.restart_answer(stale, now).await);
        lost(
            "append_deltas",
            s.append_deltas(stale, vec![delta], now).await,
        );
        lost(
            "record_model_step",
            s.record_model_step(stale, step.clone()).await,
        );
        lost("call_running", s.call_running(stale, call_id, now).await);
        lost(
            "record_outcome",
            s.record_outcome(stale, call_id, outcome, now).await,
        );
        lost(
            "commit_command",
            s.commit_command(stale, call_id, command, now).await,
        );
        lost("park", s.park(stale, now).await);
        lost("finish", s.finish(stale, db.completed("late")).await);
    }
    assert_eq!((db.feed(user.id).await, db.latest(&sent).await), before);
    assert_eq!(
        domain::store::TodoStore::todos(&db.store, user.id)
            .await
            .unwrap(),
        vec![]
    );
}

async fn attempts_start_again_at_a_step(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let sent = db.send(user.id, "go").await;
    db.claim().await;
    db.later(LEASE_MS + 1);
    let second = db.claim().await;
    assert_eq!(second.attempts, 1);
    let mine = fence(&second);
    db.store.begin_answer(mine, None, db.now()).await.unwrap();
    let step = db.model_step(
        sent.ai_message.id,
        vec![db.call("t", ToolClass::ReadOnly, false)],
    );
    db.store.record_model_step(mine, step).await.unwrap();
    let run = db.store.run(user.id, sent.run.run_id).await.unwrap();
    assert_eq!((run.attempts, run.step), (0, 1));
    assert_eq!(
        run.usage,
        domain::Usage {
            prompt_tokens: 10,
            completion_tokens: 2
        }
    );
}

async fn records_are_recalled(db: &TestDb) {
    use domain::{CallState, LedgerEntry, Step, StepKind};
    let user = db.user("a@example.org").await;
    let (sent, mine) = db.started(user.id, "go").await;
    let calls = vec![
        db.call("one", ToolClass::ReadOnly, false),
        db.call("two", ToolClass::Effectful, true),
    ];
    let step = db.model_step(sent.ai_message.id, calls.clone());
    let entries = db
        .store
        .record_model_step(mine, step.clone())
        .await
        .unwrap();
    let outcome = ToolOutcome {
        state: CallState::Succeeded,
        result: serde_json::json!([1, 2.5]),
    };
    let first = calls[0].call.call_id;
    db.store
        .record_outcome(mine, first, outcome.clone(), db.now())
        .await
        .unwrap();
    let records = db.store.recall(mine).await.unwrap();
    let expected = vec![
        LedgerEntry {
            state: CallState::Succeeded,
            result: Some(outcome.result.clone()),
            ..entries[0].clone()
        },
        entries[1].clone(),
    ];
    assert_eq!(records.ledger, expected);
    assert_eq!(records.run.step, 2);
    assert_eq!(
        records.steps,
        vec![
            Step {
                index: 1,
                kind: StepKind::ModelCall {
                    message_id: sent.ai_message.id,
                    text: step.text.clone(),
                    tool_calls: calls.iter().map(|plan| plan.call.clone()).collect(),
                    finish: step.finish,
                    usage: step.usage,
                },
            },
            Step {
                index: 2,
                kind: StepKind::ToolCall {
                    call_id: first,
                    outcome
                }
            },
        ]
    );
    assert_eq!(records.approvals.len(), 1);
    assert_eq!(records.approvals[0].call_id, calls[1].call.call_id);
    assert_eq!(records.open_answer, None);
    let open = db.store.begin_answer(mine, None, db.now()).await.unwrap();
    assert_eq!(db.store.recall(mine).await.unwrap().open_answer, Some(open));
}
