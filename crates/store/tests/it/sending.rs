//! Sending: what is stored, repeated keys, a busy conversation, regenerating.

use domain::limits::{CONTENT_CHARS, IDEMPOTENCY_KEPT_MS};
use domain::store::{ConversationStore, Regenerate, RunStore, SendMessage, Sent};
use domain::{
    ConversationId, Message, MessageStatus, MessageType, Offsets, Role, Run, RunId, RunState,
    StoreError, TitleSource, Usage,
};

use crate::support::{TestDb, fence, for_each_database, key};

for_each_database! {
    a_first_message_makes_everything,
    the_whole_first_message_is_kept,
    a_second_message_follows_the_head,
    an_older_parent_makes_a_branch,
    the_same_key_answers_the_same_run,
    the_same_key_at_the_same_time,
    another_body_is_refused,
    a_deleted_thing_is_gone,
    an_old_key_is_free_again,
    a_busy_conversation_refuses,
    two_tabs_one_run,
    regenerating_answers_beside,
    a_refused_send_leaves_its_key_free,
}

async fn a_first_message_makes_everything(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let send = SendMessage {
        client_message_id: Some("mine".to_owned()),
        model: Some("test/model".to_owned()),
        time_zone: Some("Europe/Berlin".to_owned()),
        ..db.message(user.id, "What is a run? ✨")
    };
    let sent = db.store.send(send.clone()).await.unwrap();
    let Sent {
        user_message,
        ai_message,
        run,
        repeated,
        interrupted,
    } = sent.clone();
    assert!(!repeated && interrupted.is_none());
    assert_eq!(
        user_message,
        Message {
            id: user_message.id,
            conversation_id: send.new_conversation_id,
            role: Role::User,
            content: "What is a run? ✨".to_owned(),
            message_type: MessageType::UserInput,
            tool_name: None,
            tool_success: None,
            timestamp: db.now(),
            additional_data: None,
            client_message_id: Some("mine".to_owned()),
            parent_id: None,
            run_id: Some(send.new_run_id),
            status: MessageStatus::Complete,
            siblings: vec![user_message.id],
            revision: 1,
            offsets: Offsets {
                text: 18,
                reasoning: 0,
                tool_arguments: 0
            },
        }
    );
    assert_eq!(
        (ai_message.parent_id, ai_message.status),
        (Some(user_message.id), MessageStatus::Queued)
    );
    assert_eq!(
        (ai_message.role, ai_message.content.as_str()),
        (Role::Assistant, "")
    );
    assert_eq!(
        run,
        Run {
            run_id: send.new_run_id,
            user_id: user.id,
            conversation_id: send.new_conversation_id,
            user_message_id: user_message.id,
            ai_message_id: ai_message.id,
            state: RunState::Queued,
            waiting: false,
            fence: 0,
            node_id: None,
            attempts: 0,
            step: 0,
            model: Some("test/model".to_owned()),
            agent_id: None,
            time_zone: Some("Europe/Berlin".to_owned()),
            cancel_requested: false,
            usage: Usage::default(),
            error: None,
            created_at: db.now(),
            started_at: None,
            finished_at: None,
        }
    );
    assert_eq!(db.store.sent(user.id, run.run_id).await.unwrap(), sent);
    assert_eq!(db.store.run(user.id, run.run_id).await.unwrap(), run);
    let conversation = db
        .store
        .conversation(user.id, run.conversation_id)
        .await
        .unwrap();
    assert_eq!(conversation.title.as_deref(), Some("What is a run? ✨"));
    assert_eq!(conversation.title_source, TitleSource::FirstWords);
    assert_eq!(
        conversation.user_input.as_deref(),
        Some("What is a run? ✨")
    );
    assert_eq!(conversation.message_count, 2);
    assert_eq!(conversation.head_message_id, Some(ai_message.id));
    assert_eq!(conversation.active_run.unwrap().run_id, run.run_id);
    assert_eq!(
        db.kinds_after(user.id, 0).await,
        ["conversation", "message", "message", "run"]
    );
    let published = db.bus.events.lock().unwrap().clone();
    assert_eq!(published, db.feed(user.id).await);
}

async fn a_second_message_follows_the_head(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let first = db.turn(user.id, None, "one").await;
    db.later(5);
    let second = db.send_to(&first, "two").await;
    assert_eq!(second.user_message.parent_id, Some(first.ai_message.id));
    let conversation = db
        .store
        .conversation(user.id, first.run.conversation_id)
        .await
        .unwrap();
    assert_eq!(
        (conversation.message_count, conversation.updated_at),
        (4, db.now())
    );
    assert_eq!(conversation.user_input.as_deref(), Some("ask one"));
}

async fn the_whole_first_message_is_kept(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let long = "é ".repeat(CONTENT_CHARS / 2);
    let sent = db.send(user.id, &long).await;
    let id = sent.run.conversation_id;
    let conversation = db.store.conversation(user.id, id).await.unwrap();
    assert_eq!(conversation.user_input, Some(long));
}

async fn an_older_parent_makes_a_branch(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let first = db.turn(user.id, None, "one").await;
    let second = db.turn(user.id, Some(&first), "two").await;
    let send = SendMessage {
        conversation_id: Some(first.run.conversation_id),
        parent_id: Some(first.ai_message.id),
        ..db.message(user.id, "other two")
    };
    let branch = db.store.send(send).await.unwrap();
    let both = vec![second.user_message.id, branch.user_message.id];
    assert_eq!(branch.user_message.siblings, both);
    let shown: Vec<_> = db.latest(&first).await.iter().map(|m| m.id).collect();
    let path = [
        first.user_message.id,
        first.ai_message.id,
        branch.user_message.id,
        branch.ai_message.id,
    ];
    assert_eq!(shown, path);

    let elsewhere = db.send(user.id, "elsewhere").await;
    let fence = fence(&db.claim().await);
    db.store.begin_answer(fence, None, db.now()).await.unwrap();
    let wrong = SendMessage {
        parent_id: Some(first.ai_message.id),
        ..db.message(user.id, "no such parent here")
    };
    assert_eq!(db.store.send(wrong).await, Err(StoreError::NotFound));
    drop(elsewhere);
}

async fn the_same_key_answers_the_same_run(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let send = SendMessage {
        key: key("k", "body"),
        ..db.message(user.id, "once")
    };
    let first = db.store.send(send.clone()).await.unwrap();
    let fence = fence(&db.claim().await);
    db.store.begin_answer(fence, None, db.now()).await.unwrap();
    db.store.finish(fence, db.completed("done")).await.unwrap();
    let again = SendMessage {
        new_run_id: RunId(db.uuid()),
        new_conversation_id: ConversationId(db.uuid()),
        ..send
    };
    let second = db.store.send(again).await.unwrap();
    assert!(second.repeated);
    assert_eq!(second.run.run_id, first.run.run_id);
    assert_eq!(second.ai_message.content, "done");
    assert_eq!(db.latest(&first).await.len(), 2);
}

async fn the_same_key_at_the_same_time(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let sends = (0..12).map(|_| {
        db.store.send(SendMessage {
            key: key("k", "body"),
            ..db.message(user.id, "once")
        })
    });
    let sent = futures::future::try_join_all(sends).await.unwrap();
    assert_eq!(sent.iter().filter(|sent| !sent.repeated).count(), 1);
    assert!(sent.iter().all(|one| one.run.run_id == sent[0].run.run_id));
    assert_eq!(db.latest(&sent[0]).await.len(), 2);
}

async fn another_body_is_refused(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let other = db.user("b@example.org").await;
    let send = SendMessage {
        key: key("k", "body"),
        ..db.message(user.id, "once")
    };
    db.store.send(send).await.unwrap();
    let changed = SendMessage {
        key: key("k", "changed"),
        ..db.message(user.id, "else")
    };
    assert_eq!(db.store.send(changed).await, Err(StoreError::KeyReused));
    // One namespace per user.
    let theirs = SendMessage {
        key: key("k", "theirs"),
        ..db.message(other.id, "else")
    };
    assert!(!db.store.send(theirs).await.unwrap().repeated);
}

async fn a_deleted_thing_is_gone(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let send = SendMessage {
        key: key("k", "body"),
        ..db.message(user.id, "once")
    };
    let sent = db.store.send(send.clone()).await.unwrap();
    db.store
        .delete_conversation(user.id, sent.run.conversation_id)
        .await
        .unwrap();
    assert_eq!(db.store.send(send).await, Err(StoreError::Gone));
}

async fn an_old_key_is_free_again(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let send = SendMessage {
        key: key("k", "body"),
        ..db.message(user.id, "once")
    };
    db.store.send(send).await.unwrap();
    db.later(IDEMPOTENCY_KEPT_MS + 1);
    let again = SendMessage {
        key: key("k", "other"),
        ..db.message(user.id, "again")
    };
    assert!(!db.store.send(again).await.unwrap().repeated);
}

async fn a_busy_conversation_refuses(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let first = db.send(user.id, "one").await;
    let run_id = first.run.run_id;
    let again = || SendMessage {
        conversation_id: Some(first.run.conversation_id),
        ..db.message(user.id, "two")
    };
    let head = Some(first.ai_message.id);
    let busy = |state| {
        Err(StoreError::RunActive {
            run_id,
            state,
            head,
        })
    };
    assert_eq!(db.store.send(again()).await, busy(RunState::Queued));
    db.claim().await;
    assert_eq!(db.store.send(again()).await, busy(RunState::Running));
    let regenerated = db.store.regenerate(db.regenerate(&first));
    assert_eq!(regenerated.await, busy(RunState::Running));
}

async fn two_tabs_one_run(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let first = db.turn(user.id, None, "one").await;
    let sends = (0..16).map(|_| {
        let conversation_id = Some(first.run.conversation_id);
        db.store.send(SendMessage {
            conversation_id,
            ..db.message(user.id, "at once")
        })
    });
    let outcomes = futures::future::join_all(sends).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for error in outcomes.into_iter().filter_map(Result::err) {
        assert!(matches!(error, StoreError::RunActive { .. }), "{error:?}");
    }
    assert_eq!(db.latest(&first).await.len(), 4);
}

async fn regenerating_answers_beside(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let first = db.turn(user.id, None, "one").await;
    let again = |message_id| {
        db.store.regenerate(Regenerate {
            message_id,
            model: Some("m".to_owned()),
            ..db.regenerate(&first)
        })
    };
    assert_eq!(
        again(first.user_message.id).await,
        Err(StoreError::NotFound)
    );
    let second = again(first.ai_message.id).await.unwrap();
    assert_eq!(second.user_message.id, first.user_message.id);
    assert_eq!(
        second.ai_message.siblings,
        vec![first.ai_message.id, second.ai_message.id]
    );
    assert_eq!(second.run.model.as_deref(), Some("m"));
    let shown: Vec<_> = db.latest(&first).await.iter().map(|m| m.id).collect();
    assert_eq!(shown, [first.user_message.id, second.ai_message.id]);
}

async fn a_refused_send_leaves_its_key_free(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let first = db.send(user.id, "one").await;
    let conversation_id = Some(first.run.conversation_id);
    let send = SendMessage {
        key: key("k", "b"),
        conversation_id,
        ..db.message(user.id, "two")
    };
    assert!(matches!(
        db.store.send(send.clone()).await,
        Err(StoreError::RunActive { .. })
    ));
    let fence = fence(&db.claim().await);
    db.store.finish(fence, db.completed("done")).await.unwrap();
    assert!(!db.store.send(send).await.unwrap().repeated);
}
