//! Calls whose outcome is unknown: decided once, in ledger, messages and feed alike.

use domain::step::ToolOutcome;
use domain::store::{CallStore, ConversationStore, NewRetry, RunStore, Sent};
use domain::{
    Call, CallDecision, CallId, CallState, EventBody, Fence, Message, MessageStatus, MessageType,
    RunId, RunState, StoreError, StoreResult, ToolClass, ToolSuccess,
};
use serde_json::json;

use crate::support::{TestDb, conflict, fence, for_each_database};

for_each_database! {
    unknown_calls_are_listed_until_decided,
    what_the_user_says_becomes_the_outcome,
    a_call_is_decided_once,
    only_an_unknown_call_is_decided,
    trying_again_is_one_more_call_with_the_first_ones_key,
    a_busy_conversation_tries_nothing_again,
    a_retry_that_is_stopped_before_it_left_has_failed,
    a_retry_that_was_under_way_is_unknown_again,
}

fn unknown() -> ToolOutcome {
    ToolOutcome::without_result(CallState::Unknown, "Nobody knows.")
}

/// A finished run with a call of unknown outcome.
async fn doubtful(db: &TestDb, class: ToolClass) -> (Sent, CallId) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let call = db.call("order", class, false);
    let call_id = call.call.call_id;
    let step = db.model_step(sent.ai_message.id, vec![call]);
    db.store.record_model_step(fence, step).await.unwrap();
    settle(db, fence, call_id, unknown()).await;
    db.store.begin_answer(fence, None, db.now()).await.unwrap();
    let end = db.completed("I can't tell.");
    db.store.finish(fence, end).await.unwrap();
    (sent, call_id)
}

async fn settle(db: &TestDb, fence: Fence, call_id: CallId, outcome: ToolOutcome) {
    db.store
        .call_running(fence, call_id, db.now())
        .await
        .unwrap();
    db.store
        .record_outcome(fence, call_id, outcome, db.now())
        .await
        .unwrap();
}

async fn decide(
    db: &TestDb,
    sent: &Sent,
    call_id: CallId,
    decision: CallDecision,
) -> StoreResult<Call> {
    let retry = NewRetry {
        run_id: RunId(db.uuid()),
        call_id: CallId(db.uuid()),
    };
    db.store
        .decide_call(sent.run.user_id, call_id, decision, retry, db.now())
        .await
}

async fn undecided(db: &TestDb, sent: &Sent) -> Vec<CallId> {
    let listed = db.store.unknown_calls(sent.run.user_id, 10).await.unwrap();
    listed.iter().map(|call| call.entry.call_id).collect()
}

/// The message of this kind about this call: there is exactly one.
fn about(messages: &[Message], kind: MessageType, call_id: CallId) -> &Message {
    let id = json!(call_id);
    let mut found = messages.iter().filter(|message| {
        let data = message.additional_data.as_ref();
        message.message_type == kind && data.is_some_and(|data| data["call_id"] == id)
    });
    let one = found.next().unwrap();
    assert_eq!(found.next(), None);
    one
}

async fn unknown_calls_are_listed_until_decided(db: &TestDb) {
    let (sent, call_id) = doubtful(db, ToolClass::Effectful).await;
    let listed = db.store.unknown_calls(sent.run.user_id, 10).await.unwrap();
    let [call] = listed.as_slice() else {
        panic!("{listed:?}")
    };
    assert_eq!((call.entry.call_id, call.entry.key), (call_id, call_id));
    assert_eq!(call.entry.state, CallState::Unknown);
    assert_eq!(call.conversation_id, sent.run.conversation_id);
    assert_eq!(
        (call.decision, call.retry_of, call.retried_by),
        (None, None, None)
    );
    assert_eq!(call.settled_at, Some(db.now()));
    assert_eq!(
        db.store.call(sent.run.user_id, call_id).await.as_ref(),
        Ok(call)
    );
    assert_eq!(
        db.store.unknown_calls(sent.run.user_id, 0).await,
        Ok(vec![])
    );
    decide(db, &sent, call_id, CallDecision::Happened)
        .await
        .unwrap();
    assert_eq!(undecided(db, &sent).await, []);
}

async fn what_the_user_says_becomes_the_outcome(db: &TestDb) {
    let cases = [
        (
            CallDecision::Happened,
            CallState::Succeeded,
            ToolSuccess::True,
        ),
        (
            CallDecision::DidNotHappen,
            CallState::Failed,
            ToolSuccess::False,
        ),
    ];
    let (first, one) = doubtful(db, ToolClass::Effectful).await;
    // Another in the same conversation, so that the first is not the latest result.
    let sent = db.send_to(&first, "again").await;
    let mine = fence(&db.claim().await);
    db.store.begin_answer(mine, None, db.now()).await.unwrap();
    let call = db.call("order", ToolClass::Keyed, false);
    let two = call.call.call_id;
    let step = db.model_step(sent.ai_message.id, vec![call]);
    db.store.record_model_step(mine, step).await.unwrap();
    settle(db, mine, two, unknown()).await;
    assert_eq!(undecided(db, &first).await.len(), 2);

    for (call_id, (decision, state, success)) in [one, two].into_iter().zip(cases) {
        let end = i64::try_from(db.feed(sent.run.user_id).await.len()).unwrap();
        let decided = decide(db, &sent, call_id, decision).await.unwrap();
        assert_eq!(
            (decided.decision, decided.entry.state),
            (Some(decision), state)
        );
        assert_eq!(decided.decided_at, Some(db.now()));
        let messages = db.latest(&sent).await;
        let asked = about(&messages, MessageType::ToolCall, call_id);
        let data = asked.additional_data.clone().unwrap();
        assert_eq!(data["state"], state.as_str());
        assert_eq!(data["decision"], decision.as_str());
        let result = about(&messages, MessageType::ToolResult, call_id);
        assert_eq!((result.tool_success, result.revision), (Some(success), 2));
        let told = decided.entry.result.unwrap();
        assert_eq!(result.content, told.to_string());
        assert!(result.content.contains("The user says"));
        assert_eq!(result.additional_data.as_ref().unwrap()["result"], told);
        let (user_id, id) = (sent.run.user_id, sent.run.conversation_id);
        let before = db.store.revisions(user_id, id, result.id).await.unwrap();
        assert_eq!(before.len(), 1);
        assert!(before[0].content.contains("Nobody knows."));
        let kinds = db.kinds_after(sent.run.user_id, end).await;
        assert_eq!(kinds, ["message", "message", "tool", "conversation"]);
        let said = db
            .feed(user_id)
            .await
            .into_iter()
            .rev()
            .find_map(|event| match event.body {
                EventBody::Tool { call_id, state, .. } => Some((call_id, state)),
                _ => None,
            });
        assert_eq!(said, Some((call_id, state)));
        // The conversation shows the latest result, whichever was decided.
        let latest = db.store.conversation(user_id, id).await.unwrap();
        let shown = latest.last_tool_result.unwrap();
        let expected = if call_id == two {
            told
        } else {
            unknown().result
        };
        assert_eq!(shown, expected);
    }
    // The run that was going on goes on.
    db.store.begin_answer(mine, None, db.now()).await.unwrap();
    db.store.finish(mine, db.completed("well")).await.unwrap();
}

async fn a_call_is_decided_once(db: &TestDb) {
    let (sent, call_id) = doubtful(db, ToolClass::Effectful).await;
    let all = [
        CallDecision::Happened,
        CallDecision::Retry,
        CallDecision::DidNotHappen,
        CallDecision::Retry,
        CallDecision::Happened,
    ];
    let tried = all.map(|decision| decide(db, &sent, call_id, decision));
    let answers = futures::future::join_all(tried).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for late in lost {
        assert_eq!(conflict(late), "already_decided");
    }
    let calls = db.latest(&sent).await;
    let results = calls
        .iter()
        .filter(|m| m.message_type == MessageType::ToolResult);
    assert_eq!(results.count(), 1);
}

async fn only_an_unknown_call_is_decided(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let call = db.call("order", ToolClass::Effectful, false);
    let call_id = call.call.call_id;
    let step = db.model_step(sent.ai_message.id, vec![call]);
    db.store.record_model_step(fence, step).await.unwrap();
    let refused = decide(db, &sent, call_id, CallDecision::Retry).await;
    assert_eq!(conflict(refused), "call_not_unknown");
    settle(db, fence, call_id, ToolOutcome::failed("no")).await;
    let refused = decide(db, &sent, call_id, CallDecision::Happened).await;
    assert_eq!(conflict(refused), "call_not_unknown");
}

async fn trying_again_is_one_more_call_with_the_first_ones_key(db: &TestDb) {
    let (sent, first) = doubtful(db, ToolClass::Keyed).await;
    let decided = decide(db, &sent, first, CallDecision::Retry).await.unwrap();
    assert_eq!(decided.entry.state, CallState::Unknown);
    let (again, run_id) = decided.retried_by.unwrap();
    let run = db.store.run(sent.run.user_id, run_id).await.unwrap();
    assert_eq!(run.state, RunState::Queued);
    assert_eq!(run.user_message_id, sent.user_message.id);
    let messages = db.latest(&sent).await;
    let asked = about(&messages, MessageType::ToolCall, again);
    assert_eq!(messages.last(), Some(asked));
    let data = asked.additional_data.clone().unwrap();
    assert_eq!(
        (&data["retry_of"], &data["state"]),
        (&json!(first), &json!("intended"))
    );

    let mine = fence(&db.claim().await);
    let records = db.store.recall(mine).await.unwrap();
    let [entry] = records.ledger.as_slice() else {
        panic!("{records:?}")
    };
    assert_eq!((entry.call_id, entry.key), (again, first));
    assert_eq!(
        (entry.state, entry.class),
        (CallState::Intended, ToolClass::Keyed)
    );
    assert_eq!(entry.arguments, decided.entry.arguments);
    assert_eq!((records.steps, records.open_answer), (vec![], None));
    // A model step is recorded behind it as in any other run.
    settle(db, mine, again, unknown()).await;
    let open = db.store.begin_answer(mine, None, db.now()).await.unwrap();
    let step = db.model_step(
        open.message_id,
        vec![db.call("x", ToolClass::ReadOnly, false)],
    );
    let entries = db.store.record_model_step(mine, step).await.unwrap();
    let records = db.store.recall(mine).await.unwrap();
    assert_eq!(records.ledger, entries);
    db.store
        .finish(mine, db.completed("again in doubt"))
        .await
        .unwrap();

    // Unknown once more, and tried once more: still the key of the first.
    assert_eq!(undecided(db, &sent).await, [again]);
    let twice = decide(db, &sent, again, CallDecision::Retry).await.unwrap();
    let (third, _) = twice.retried_by.unwrap();
    let third = db.store.call(sent.run.user_id, third).await.unwrap();
    assert_eq!((third.entry.key, third.retry_of), (first, Some(again)));
}

async fn a_busy_conversation_tries_nothing_again(db: &TestDb) {
    let (sent, call_id) = doubtful(db, ToolClass::Effectful).await;
    db.send_to(&sent, "meanwhile").await;
    let before = (db.latest(&sent).await, db.feed(sent.run.user_id).await);
    let refused = decide(db, &sent, call_id, CallDecision::Retry).await;
    assert!(
        matches!(refused, Err(StoreError::RunActive { .. })),
        "{refused:?}"
    );
    assert_eq!(
        before,
        (db.latest(&sent).await, db.feed(sent.run.user_id).await)
    );
    assert_eq!(undecided(db, &sent).await, [call_id]);
    decide(db, &sent, call_id, CallDecision::DidNotHappen)
        .await
        .unwrap();
}

async fn a_retry_that_is_stopped_before_it_left_has_failed(db: &TestDb) {
    let (sent, first) = doubtful(db, ToolClass::Effectful).await;
    let decided = decide(db, &sent, first, CallDecision::Retry).await.unwrap();
    let (again, run_id) = decided.retried_by.unwrap();
    let (user_id, now) = (sent.run.user_id, db.now());
    let run = db.store.request_cancel(user_id, run_id, now).await.unwrap();
    assert_eq!(run.state, RunState::Cancelled);
    let call = db.store.call(user_id, again).await.unwrap();
    assert_eq!(call.entry.state, CallState::Failed);
    let messages = db.latest(&sent).await;
    about(&messages, MessageType::ToolResult, again);
    assert_eq!(messages.last().unwrap().status, MessageStatus::Cancelled);
    assert_eq!(undecided(db, &sent).await, []);
}

async fn a_retry_that_was_under_way_is_unknown_again(db: &TestDb) {
    let (sent, first) = doubtful(db, ToolClass::Effectful).await;
    let decided = decide(db, &sent, first, CallDecision::Retry).await.unwrap();
    let (again, _) = decided.retried_by.unwrap();
    let mine = fence(&db.claim().await);
    db.store.call_running(mine, again, db.now()).await.unwrap();
    let end = domain::store::Finish {
        state: RunState::Failed,
        message_status: MessageStatus::Failed,
        ..db.completed("")
    };
    db.store.finish(mine, end).await.unwrap();
    assert_eq!(undecided(db, &sent).await, [again]);
    let messages = db.latest(&sent).await;
    let result = about(&messages, MessageType::ToolResult, again);
    assert_eq!(result.tool_success, Some(ToolSuccess::Unknown));
}
