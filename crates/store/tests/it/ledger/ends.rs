//! The end of a run settles what is open, and is seen.

use domain::step::ToolOutcome;
use domain::store::{Finish, RunStore};
use domain::{CallState, MessageStatus, MessageType, RunState, ToolClass, ToolSuccess};
use serde_json::json;

use crate::support::{TestDb, for_each_database};

for_each_database! {
    an_end_settles_what_is_open,
    an_end_between_two_answers_is_seen,
}

async fn an_end_settles_what_is_open(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let calls = vec![
        db.call("asked", ToolClass::Effectful, true),
        db.call("left", ToolClass::Effectful, false),
        db.call("stayed", ToolClass::Effectful, false),
        db.call("read", ToolClass::ReadOnly, false),
    ];
    let step = db.model_step(sent.ai_message.id, calls.clone());
    db.store.record_model_step(fence, step).await.unwrap();
    for index in [1, 3] {
        db.store
            .call_running(fence, calls[index].call.call_id, db.now())
            .await
            .unwrap();
    }
    let finish = Finish {
        state: RunState::Cancelled,
        message_status: MessageStatus::Cancelled,
        text: None,
        ..db.completed("")
    };
    db.store.finish(fence, finish).await.unwrap();
    let messages = db.latest(&sent).await;
    let results: Vec<_> = messages
        .iter()
        .filter(|message| message.message_type == MessageType::ToolResult)
        .map(|message| {
            (
                message.tool_name.clone().unwrap(),
                message.tool_success.unwrap(),
            )
        })
        .collect();
    let expected = [
        ("asked", ToolSuccess::False),
        ("left", ToolSuccess::Unknown),
        ("stayed", ToolSuccess::False),
        ("read", ToolSuccess::False),
    ];
    assert_eq!(
        results,
        expected.map(|(name, success)| (name.to_owned(), success))
    );
    let states: Vec<_> = messages
        .iter()
        .filter(|message| message.message_type == MessageType::ToolCall)
        .map(|message| message.additional_data.as_ref().unwrap()["state"].clone())
        .collect();
    assert_eq!(states, ["denied", "unknown", "failed", "failed"]);
    let open = domain::store::ApprovalStore::approvals(&db.store, user.id)
        .await
        .unwrap();
    assert_eq!(open, vec![]);
    let after = db.store.sent(user.id, sent.run.run_id).await.unwrap();
    assert_eq!(
        (after.run.state, after.ai_message.status),
        (RunState::Cancelled, MessageStatus::Cancelled)
    );
}

async fn an_end_between_two_answers_is_seen(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let call = db.call("read", ToolClass::ReadOnly, false);
    let call_id = call.call.call_id;
    db.store
        .record_model_step(fence, db.model_step(sent.ai_message.id, vec![call]))
        .await
        .unwrap();
    let outcome = ToolOutcome {
        state: CallState::Succeeded,
        result: json!(1),
    };
    db.store
        .record_outcome(fence, call_id, outcome, db.now())
        .await
        .unwrap();
    let error = domain::RunError {
        code: "model_unreachable".to_owned(),
        detail: "Try again.".to_owned(),
        retryable: true,
    };
    let finish = Finish {
        state: RunState::Failed,
        message_status: MessageStatus::Failed,
        text: Some(String::new()),
        error: Some(error.clone()),
        ..db.completed("")
    };
    db.store.finish(fence, finish).await.unwrap();
    let after = db.store.sent(user.id, sent.run.run_id).await.unwrap();
    assert_eq!(
        (after.ai_message.status, after.ai_message.content.as_str()),
        (MessageStatus::Failed, "")
    );
    let data = json!({ "model": "test/model", "error": error });
    assert_eq!(after.ai_message.additional_data, Some(data));
    assert_eq!(
        (after.run.error, after.run.state),
        (Some(error), RunState::Failed)
    );
    assert_eq!(db.latest(&sent).await.len(), 5);
}
