//! A foreign id is a random one, for every method that takes an id.

use domain::message::Window;
use domain::store::{
    ApprovalStore, CallStore, ConversationStore, NewRetry, PermissionStore, Regenerate, RunStore,
    SendMessage, Sent, SessionStore, TodoStore,
};
use domain::*;

use crate::support::{PASSWORD_HASH, TestDb, for_each_database, key};

for_each_database! { foreign_ids_are_random_ids }

#[derive(Debug, Clone, Copy)]
struct Ids {
    conversation: ConversationId,
    message: MessageId,
    run: RunId,
    approval: ApprovalId,
    call: CallId,
    session: SessionId,
    todo: TodoId,
}

/// What each method says to a user about these ids.
async fn answers(db: &TestDb, user_id: UserId, own: &Sent, ids: Ids) -> Vec<String> {
    let s = &db.store;
    let now = db.now();
    let (conversation, message) = (ids.conversation, ids.message);
    let again = |conversation_id, key| Regenerate {
        user_id,
        key,
        conversation_id,
        message_id: message,
        ..db.regenerate(own)
    };
    let patch = ConversationPatch {
        pinned: Some(true),
        ..ConversationPatch::default()
    };
    let sent_to = SendMessage {
        conversation_id: Some(ids.conversation),
        ..db.message(user_id, "theirs")
    };
    let sent_behind = SendMessage {
        conversation_id: Some(own.run.conversation_id),
        parent_id: Some(ids.message),
        ..db.message(user_id, "behind theirs")
    };
    let mut said = vec![
        format!("{:?}", s.conversation(user_id, conversation).await),
        format!(
            "{:?}",
            s.patch_conversation(user_id, conversation, patch).await
        ),
        format!("{:?}", s.suggest_title(user_id, conversation, "x").await),
        format!("{:?}", s.delete_conversation(user_id, conversation).await),
        format!(
            "{:?}",
            s.messages(user_id, conversation, Window::Latest, 5).await
        ),
        format!(
            "{:?}",
            s.messages(user_id, own.run.conversation_id, Window::Before(message), 5)
                .await
        ),
        format!(
            "{:?}",
            s.messages_by_id(user_id, &[message])
                .await
                .map(|(found, _)| found)
        ),
        format!(
            "{:?}",
            s.conversations_by_id(user_id, &[conversation]).await
        ),
        format!("{:?}", s.revisions(user_id, conversation, message).await),
        format!(
            "{:?}",
            s.revisions(user_id, own.run.conversation_id, message).await
        ),
        format!("{:?}", s.open_message(user_id, conversation).await),
        format!("{:?}", s.send(sent_to).await),
        format!("{:?}", s.send(sent_behind).await),
        format!("{:?}", s.regenerate(again(conversation, None)).await),
        format!(
            "{:?}",
            s.regenerate(again(own.run.conversation_id, None)).await
        ),
        format!(
            "{:?}",
            s.regenerate(again(conversation, key("k", "b"))).await
        ),
        format!(
            "{:?}",
            s.change_queued(user_id, conversation, message, "x".to_owned(), now)
                .await
        ),
        format!(
            "{:?}",
            s.change_queued(
                user_id,
                own.run.conversation_id,
                message,
                "x".to_owned(),
                now
            )
            .await
        ),
        format!(
            "{:?}",
            s.remove_queued(user_id, conversation, message, now).await
        ),
        format!(
            "{:?}",
            s.remove_queued(user_id, own.run.conversation_id, message, now)
                .await
        ),
        format!("{:?}", s.run(user_id, ids.run).await),
        format!("{:?}", s.sent(user_id, ids.run).await),
        format!("{:?}", s.joined(user_id, ids.run).await),
        format!("{:?}", s.request_cancel(user_id, ids.run, now).await),
        format!("{:?}", s.history(user_id, conversation, message, 100).await),
        format!(
            "{:?}",
            s.history(user_id, own.run.conversation_id, message, 100)
                .await
        ),
        format!(
            "{:?}",
            s.decide(
                user_id,
                ids.approval,
                Decision::Approve,
                Scope::Conversation,
                "hash of t",
                now
            )
            .await
        ),
        format!("{:?}", s.call(user_id, ids.call).await),
        format!("{:?}", s.permissions(user_id, conversation).await),
        format!(
            "{:?}",
            s.revoke_permission(user_id, conversation, "t", now).await
        ),
        format!("{:?}", s.approvals_by_id(user_id, &[ids.approval]).await),
        format!("{:?}", s.end_session(user_id, ids.session).await),
        format!("{:?}", s.live_session(user_id, ids.session, now).await),
        format!("{:?}", s.todos_by_id(user_id, &[ids.todo]).await),
    ];
    for decision in [CallDecision::Retry, CallDecision::Happened] {
        let retry = NewRetry {
            run_id: RunId(db.uuid()),
            call_id: CallId(db.uuid()),
        };
        let decided = s.decide_call(user_id, ids.call, decision, retry, now);
        said.push(format!("{:?}", decided.await));
    }
    for command in [
        TodoCommand::Remove { id: ids.todo },
        TodoCommand::Change {
            id: ids.todo,
            title: None,
            done: Some(true),
            due_at: None,
        },
    ] {
        said.push(format!("{:?}", s.todo_command(user_id, command, now).await));
    }
    said
}

async fn foreign_ids_are_random_ids(db: &TestDb) {
    let (owner, other) = (
        db.user("a@example.org").await,
        db.user("b@example.org").await,
    );
    let own = db.turn(other.id, None, "mine").await;
    let (sent, fence) = db.started(owner.id, "go").await;
    let step = db.model_step(
        sent.ai_message.id,
        vec![db.call("t", ToolClass::Effectful, true)],
    );
    let entries = db.store.record_model_step(fence, step).await.unwrap();
    let session_id = SessionId(db.uuid());
    let session = Session {
        session_id,
        user_id: owner.id,
        generation: 1,
        user_agent: None,
        created_at: db.now(),
        last_used_at: db.now(),
        expires_at: db.now().plus_millis(1_000),
    };
    db.store
        .create_session(session, PASSWORD_HASH.to_owned())
        .await
        .unwrap();
    let add = TodoCommand::Add {
        title: "theirs".to_owned(),
        due_at: None,
    };
    db.store
        .todo_command(owner.id, add, db.now())
        .await
        .unwrap();
    let foreign = Ids {
        conversation: sent.run.conversation_id,
        message: sent.ai_message.id,
        run: sent.run.run_id,
        approval: db.store.approvals(owner.id).await.unwrap()[0].approval_id,
        call: entries[0].call_id,
        session: session_id,
        todo: db.store.todos(owner.id).await.unwrap()[0].id,
    };
    let random = Ids {
        conversation: ConversationId(db.uuid()),
        message: MessageId(888_888),
        run: RunId(db.uuid()),
        approval: ApprovalId(db.uuid()),
        call: CallId(db.uuid()),
        session: SessionId(db.uuid()),
        todo: TodoId(888_888),
    };
    let before = (db.feed(owner.id).await, db.latest(&sent).await);
    let to_foreign = answers(db, other.id, &own, foreign).await;
    let to_random = answers(db, other.id, &own, random).await;
    assert_eq!(to_foreign, to_random);
    let known = ["Err(NotFound)", "Ok([])", "Ok(None)", "Ok(NotFound)"];
    for answer in &to_foreign {
        assert!(known.contains(&answer.as_str()), "{answer}");
    }
    assert_eq!((db.feed(owner.id).await, db.latest(&sent).await), before);
    assert!(
        db.store
            .live_session(owner.id, session_id, db.now())
            .await
            .unwrap()
            .is_some()
    );
}
