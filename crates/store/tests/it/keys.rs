//! Keys of what is not a send: another answer, an empty conversation.

use domain::conversation::NewConversation;
use domain::limits::IDEMPOTENCY_KEPT_MS;
use domain::store::{ConversationStore, Regenerate, RunStore, SendMessage, TodoStore};
use domain::{
    ConversationId, ConversationPatch, MessageStatus, RunId, RunState, StoreError, TodoCommand,
};

use crate::support::{TestDb, fence, for_each_database, key};

for_each_database! {
    the_same_key_answers_the_same_other_answer,
    the_same_key_at_the_same_time_makes_one_answer,
    another_answer_of_a_deleted_conversation_is_gone,
    a_refused_answer_leaves_its_key_free,
    the_same_key_answers_the_same_conversation,
    the_same_key_at_the_same_time_makes_one_conversation,
    a_deleted_conversation_is_gone,
    a_key_belongs_to_one_kind_of_request,
    an_old_key_begins_another_conversation,
    the_same_key_answers_the_same_todo,
    the_same_key_at_the_same_time_adds_one_todo,
}

fn new(db: &TestDb) -> NewConversation {
    NewConversation {
        conversation_id: ConversationId(db.uuid()),
        title: Some("Titled".to_owned()),
        model: None,
        now: db.now(),
    }
}

async fn the_same_key_answers_the_same_other_answer(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let asked = db.turn(user.id, None, "one").await;
    let again = Regenerate {
        key: key("k", "regenerate"),
        ..db.regenerate(&asked)
    };
    let first = db.store.regenerate(again.clone()).await.unwrap();
    assert!(!first.repeated);
    // While it is under way, when a new one would be refused, and when it is over.
    let second = Regenerate {
        new_run_id: RunId(db.uuid()),
        ..again
    };
    let queued = db.store.regenerate(second.clone()).await.unwrap();
    assert_eq!(
        (queued.run.run_id, queued.run.state, queued.repeated),
        (first.run.run_id, RunState::Queued, true)
    );
    let fence = fence(&db.claim().await);
    db.store.begin_answer(fence, None, db.now()).await.unwrap();
    db.store.finish(fence, db.completed("two")).await.unwrap();
    let over = db.store.regenerate(second).await.unwrap();
    assert_eq!(
        (over.run.run_id, over.ai_message.id, over.repeated),
        (first.run.run_id, first.ai_message.id, true)
    );
    assert_eq!(
        (over.ai_message.content.as_str(), over.ai_message.status),
        ("two", MessageStatus::Complete)
    );
    assert_eq!(
        over.ai_message.siblings,
        [asked.ai_message.id, first.ai_message.id]
    );
}

async fn the_same_key_at_the_same_time_makes_one_answer(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let asked = db.turn(user.id, None, "one").await;
    let repeats = (0..12).map(|_| {
        db.store.regenerate(Regenerate {
            key: key("k", "regenerate"),
            ..db.regenerate(&asked)
        })
    });
    let made = futures::future::try_join_all(repeats).await.unwrap();
    assert_eq!(made.iter().filter(|one| !one.repeated).count(), 1);
    assert!(made.iter().all(|one| one.run.run_id == made[0].run.run_id));
}

async fn another_answer_of_a_deleted_conversation_is_gone(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let asked = db.turn(user.id, None, "one").await;
    let again = Regenerate {
        key: key("k", "regenerate"),
        ..db.regenerate(&asked)
    };
    db.store.regenerate(again.clone()).await.unwrap();
    db.store
        .delete_conversation(user.id, asked.run.conversation_id)
        .await
        .unwrap();
    // Not even the hash of what was asked for is kept to compare with.
    let other = Regenerate {
        key: key("k", "something else"),
        ..again.clone()
    };
    for repeat in [again, other] {
        assert_eq!(db.store.regenerate(repeat).await, Err(StoreError::Gone));
    }
}

async fn a_refused_answer_leaves_its_key_free(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (asked, fence) = db.started(user.id, "one").await;
    let again = || Regenerate {
        key: key("k", "regenerate"),
        ..db.regenerate(&asked)
    };
    assert!(matches!(
        db.store.regenerate(again()).await,
        Err(StoreError::RunActive { .. })
    ));
    db.store.finish(fence, db.completed("done")).await.unwrap();
    assert!(!db.store.regenerate(again()).await.unwrap().repeated);
}

async fn the_same_key_answers_the_same_conversation(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let other = db.user("b@example.org").await;
    let begin = |user_id| {
        db.store
            .create_conversation(user_id, new(db), key("k", "create"))
    };
    let first = begin(user.id).await.unwrap();
    let patch = ConversationPatch {
        title: Some("Renamed".to_owned()),
        ..ConversationPatch::default()
    };
    let renamed = db
        .store
        .patch_conversation(user.id, first.conversation_id, patch)
        .await
        .unwrap();
    assert_eq!(begin(user.id).await.unwrap(), renamed);
    // Nothing was said twice, and keys are per user.
    let kinds = db.kinds_after(user.id, 0).await;
    assert_eq!(kinds, ["conversation", "conversation"]);
    let theirs = begin(other.id).await.unwrap();
    assert_ne!(theirs.conversation_id, first.conversation_id);
}

async fn the_same_key_at_the_same_time_makes_one_conversation(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let repeats = (0..12).map(|_| {
        db.store
            .create_conversation(user.id, new(db), key("k", "create"))
    });
    let made = futures::future::try_join_all(repeats).await.unwrap();
    assert!(made.iter().all(|one| *one == made[0]));
    assert_eq!(db.kinds_after(user.id, 0).await, ["conversation"]);
}

async fn a_deleted_conversation_is_gone(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let begin = || {
        db.store
            .create_conversation(user.id, new(db), key("k", "create"))
    };
    let made = begin().await.unwrap();
    db.store
        .delete_conversation(user.id, made.conversation_id)
        .await
        .unwrap();
    assert_eq!(begin().await, Err(StoreError::Gone));
    let other = db
        .store
        .create_conversation(user.id, new(db), key("k", "something else"));
    assert_eq!(other.await, Err(StoreError::Gone));
}

async fn a_key_belongs_to_one_kind_of_request(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let asked = db.turn(user.id, None, "one").await;
    db.store
        .create_conversation(user.id, new(db), key("k", "create"))
        .await
        .unwrap();
    let send = SendMessage {
        key: key("k", "send"),
        ..db.message(user.id, "else")
    };
    assert_eq!(db.store.send(send).await, Err(StoreError::KeyReused));
    let again = Regenerate {
        key: key("k", "regenerate"),
        ..db.regenerate(&asked)
    };
    assert_eq!(db.store.regenerate(again).await, Err(StoreError::KeyReused));
    let other = db
        .store
        .create_conversation(user.id, new(db), key("k", "create else"));
    assert_eq!(other.await, Err(StoreError::KeyReused));
}

async fn an_old_key_begins_another_conversation(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let begin = || {
        db.store
            .create_conversation(user.id, new(db), key("k", "create"))
    };
    let first = begin().await.unwrap();
    db.later(IDEMPOTENCY_KEPT_MS + 1);
    assert_ne!(
        begin().await.unwrap().conversation_id,
        first.conversation_id
    );
}

async fn the_same_key_answers_the_same_todo(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let add = async |hash: &str| {
        let (title, key) = ("milk".to_owned(), key("k", hash));
        db.store.add_todo(user.id, title, None, key, db.now()).await
    };
    let added = add("add").await.unwrap();
    assert_eq!(add("add").await.unwrap(), added);
    assert_eq!(
        db.store.todos(user.id).await.unwrap(),
        std::slice::from_ref(&added)
    );
    assert_eq!(add("another").await, Err(StoreError::KeyReused));

    let remove = TodoCommand::Remove { id: added.id };
    db.store
        .todo_command(user.id, remove, db.now())
        .await
        .unwrap();
    assert_eq!(add("add").await, Err(StoreError::Gone));
    // Whether it was this title can't be tried out either.
    assert_eq!(add("another").await, Err(StoreError::Gone));
    db.later(IDEMPOTENCY_KEPT_MS + 1);
    assert_ne!(add("add").await.unwrap().id, added.id);
}

async fn the_same_key_at_the_same_time_adds_one_todo(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let adds = (0..8).map(|_| {
        let (title, key) = ("milk".to_owned(), key("k", "add"));
        db.store.add_todo(user.id, title, None, key, db.now())
    });
    let added = futures::future::join_all(adds).await;
    let first = added[0].clone().unwrap();
    assert!(
        added.iter().all(|one| one.as_ref() == Ok(&first)),
        "{added:?}"
    );
    assert_eq!(db.store.todos(user.id).await.unwrap(), [first]);
}
