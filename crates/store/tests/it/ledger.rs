//! Tool calls: messages, outcomes, exactly-once commands, synthetic results.

mod commands;
mod ends;

use domain::limits::LEASE_MS;
use domain::step::ToolOutcome;
use domain::store::{RunStore, TodoStore};
use domain::todo::Command;
use domain::{
    CallId, CallState, EventBody, MessageStatus, MessageType, Role, RunState, StoreError,
    TodoCommand, ToolClass, ToolSuccess,
};
use serde_json::json;

use crate::support::{TestDb, fence, for_each_database};

for_each_database! {
    calls_and_results_are_messages,
    a_repeated_model_step_is_recorded_once,
    a_refused_call_is_settled_with_its_step,
    an_outcome_is_kept,
    nothing_begins_once_a_stop_is_recorded,
    a_call_that_left_is_known_to_whoever_takes_over,
    calls_of_other_runs_are_not_found,
}

fn add(title: &str) -> Command {
    Command::Todo(TodoCommand::Add {
        title: title.to_owned(),
        due_at: None,
    })
}

async fn calls_and_results_are_messages(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let call = db.call("search", ToolClass::ReadOnly, false);
    let call_id = call.call.call_id;
    let step = db.model_step(sent.ai_message.id, vec![call]);
    let before = db.feed(user.id).await.len();
    let entries = db.store.record_model_step(fence, step).await.unwrap();
    db.store
        .call_running(fence, call_id, db.now())
        .await
        .unwrap();
    let outcome = ToolOutcome {
        state: CallState::Succeeded,
        result: json!({ "hits": [1] }),
    };
    db.store
        .record_outcome(fence, call_id, outcome, db.now())
        .await
        .unwrap();
    let messages = db.latest(&sent).await;
    let [question, answer, call, result] = messages.as_slice() else {
        panic!("{messages:?}")
    };
    assert_eq!(answer.content, "let me see");
    assert_eq!(
        (answer.status, answer.parent_id),
        (MessageStatus::Complete, Some(question.id))
    );
    assert_eq!(
        (call.id, call.role),
        (entries[0].message_id, Role::Assistant)
    );
    assert_eq!(call.message_type, MessageType::ToolCall);
    assert_eq!(
        (call.content.as_str(), call.tool_name.as_deref()),
        (r#"{"of":"search"}"#, Some("search"))
    );
    let data = json!({
        "call_id": call_id, "arguments": { "of": "search" }, "state": "succeeded",
        "class": "read_only",
    });
    assert_eq!(call.additional_data, Some(data));
    assert_eq!(
        (result.role, result.message_type),
        (Role::Tool, MessageType::ToolResult)
    );
    assert_eq!(result.content, r#"{"hits":[1]}"#);
    assert_eq!(
        (result.tool_success, result.parent_id),
        (Some(ToolSuccess::True), Some(call.id))
    );
    let data = json!({ "call_id": call_id, "result": { "hits": [1] } });
    assert_eq!(result.additional_data, Some(data));
    let feed = db.feed(user.id).await;
    let kinds: Vec<_> = feed[before..]
        .iter()
        .map(|event| event.body.kind())
        .collect();
    assert_eq!(
        kinds,
        ["message", "message", "tool", "tool", "message", "tool"]
    );
    let states: Vec<_> = feed
        .iter()
        .filter_map(|event| match event.body {
            EventBody::Tool { state, .. } => Some(state),
            _ => None,
        })
        .collect();
    assert_eq!(
        states,
        [
            CallState::Intended,
            CallState::Running,
            CallState::Succeeded
        ]
    );
    let next = db.store.begin_answer(fence, None, db.now()).await.unwrap();
    assert_ne!(next.message_id, sent.ai_message.id);
    let run = db.store.run(user.id, sent.run.run_id).await.unwrap();
    assert_eq!(run.ai_message_id, next.message_id);
}

async fn a_repeated_model_step_is_recorded_once(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let step = db.model_step(
        sent.ai_message.id,
        vec![db.call("a", ToolClass::ReadOnly, false)],
    );
    let first = db
        .store
        .record_model_step(fence, step.clone())
        .await
        .unwrap();
    assert_eq!(
        db.store.record_model_step(fence, step).await.unwrap(),
        first
    );
    assert_eq!(db.latest(&sent).await.len(), 3);
}

async fn a_refused_call_is_settled_with_its_step(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let made = db.call("a", ToolClass::Effectful, false);
    let mut refused = db.call("b", ToolClass::Effectful, false);
    let outcome = ToolOutcome::failed("Too many tool calls at once; this one was not made.");
    refused.refused = Some(outcome.clone());
    let step = db.model_step(sent.ai_message.id, vec![made, refused]);
    let entries = db
        .store
        .record_model_step(fence, step.clone())
        .await
        .unwrap();
    let known: Vec<_> = entries.iter().map(|entry| entry.state).collect();
    assert_eq!(known, [CallState::Intended, CallState::Failed]);
    assert_eq!(entries[1].result, Some(outcome.result));
    // Whoever takes over finds the same, and the model is shown both calls before the outcome.
    assert_eq!(db.store.recall(fence).await.unwrap().ledger, entries);
    assert_eq!(
        db.store.record_model_step(fence, step).await.unwrap(),
        entries
    );
    let kinds: Vec<_> = db.latest(&sent).await;
    let kinds: Vec<_> = kinds.iter().map(|message| message.message_type).collect();
    use MessageType::{AssistantResponse, ToolCall, ToolResult, UserInput};
    assert_eq!(
        kinds,
        [UserInput, AssistantResponse, ToolCall, ToolCall, ToolResult]
    );
}

async fn an_outcome_is_kept(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let call = db.call("a", ToolClass::Effectful, false);
    let call_id = call.call.call_id;
    db.store
        .record_model_step(fence, db.model_step(sent.ai_message.id, vec![call]))
        .await
        .unwrap();
    let first = ToolOutcome {
        state: CallState::Succeeded,
        result: json!("text itself"),
    };
    let second = ToolOutcome::failed("no");
    for outcome in [first.clone(), second] {
        let kept = db
            .store
            .record_outcome(fence, call_id, outcome, db.now())
            .await
            .unwrap();
        assert_eq!(kept, first);
    }
    let messages = db.latest(&sent).await;
    assert_eq!(messages.len(), 4);
    assert_eq!(messages[3].content, "text itself");
    let unsettled = ToolOutcome {
        state: CallState::Running,
        result: json!(1),
    };
    let random = CallId(db.uuid());
    let missing = db
        .store
        .record_outcome(fence, random, unsettled, db.now())
        .await;
    assert_eq!(missing, Err(StoreError::NotFound));
}

async fn nothing_begins_once_a_stop_is_recorded(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let calls = ["left", "stayed"].map(|name| db.call(name, ToolClass::Effectful, false));
    let todo = db.call("todo", ToolClass::Transactional, false);
    let [left, stayed] = [0, 1].map(|at: usize| calls[at].call.call_id);
    let command = todo.call.call_id;
    let step = db.model_step(sent.ai_message.id, [&calls[..], &[todo]].concat());
    db.store.record_model_step(fence, step).await.unwrap();
    db.store.call_running(fence, left, db.now()).await.unwrap();
    let stop = db.store.request_cancel(user.id, fence.run_id, db.now());
    let run = stop.await.unwrap();
    assert!(run.cancel_requested && run.state == RunState::Running);

    let before = db.feed(user.id).await.len();
    let late = db.store.call_running(fence, stayed, db.now()).await;
    assert_eq!(late, Err(StoreError::Stopped));
    let late = db
        .store
        .commit_command(fence, command, add("milk"), db.now());
    assert_eq!(late.await, Err(StoreError::Stopped));
    assert_eq!(db.store.todos(user.id).await.unwrap(), []);
    let states = db.store.recall(fence).await.unwrap().ledger;
    let states: Vec<_> = states.iter().map(|entry| entry.state).collect();
    let [running, intended] = [CallState::Running, CallState::Intended];
    assert_eq!(states, [running, intended, intended]);
    assert_eq!(db.feed(user.id).await.len(), before);
    // What had left may still come to its end.
    let outcome = ToolOutcome::failed("no");
    let told = db
        .store
        .record_outcome(fence, left, outcome.clone(), db.now());
    assert_eq!(told.await, Ok(outcome));
}

async fn a_call_that_left_is_known_to_whoever_takes_over(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, old) = db.started(user.id, "go").await;
    let calls = vec![
        db.call("left", ToolClass::Effectful, false),
        db.call("stayed", ToolClass::Effectful, false),
        db.call("settled", ToolClass::Effectful, false),
    ];
    let step = db.model_step(sent.ai_message.id, calls.clone());
    db.store.record_model_step(old, step).await.unwrap();
    for index in [0, 2] {
        let call_id = calls[index].call.call_id;
        db.store.call_running(old, call_id, db.now()).await.unwrap();
    }
    let settled = calls[2].call.call_id;
    db.store
        .record_outcome(old, settled, ToolOutcome::failed("no"), db.now())
        .await
        .unwrap();
    db.later(LEASE_MS + 1);
    let new = fence(&db.claim().await);
    let records = db.store.recall(new).await.unwrap();
    let states: Vec<_> = records.ledger.iter().map(|entry| entry.state).collect();
    assert_eq!(
        states,
        [CallState::Running, CallState::Intended, CallState::Failed]
    );
}

async fn calls_of_other_runs_are_not_found(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (first, one) = db.started(user.id, "one").await;
    let (_, two) = db.started(user.id, "two").await;
    let call = db.call("todo", ToolClass::Transactional, false);
    let call_id = call.call.call_id;
    let step = db.model_step(first.ai_message.id, vec![call]);
    assert_eq!(
        db.store.record_model_step(two, step.clone()).await,
        Err(StoreError::NotFound)
    );
    db.store.record_model_step(one, step).await.unwrap();
    let foreign = db
        .store
        .commit_command(two, call_id, add("x"), db.now())
        .await;
    assert_eq!(foreign, Err(StoreError::NotFound));
    assert_eq!(db.store.todos(user.id).await.unwrap(), vec![]);
}
