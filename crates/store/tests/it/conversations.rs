//! Lists, changes and titles.

use domain::conversation::{ConversationQuery, ListPosition, NewConversation};
use domain::store::{ConversationStore, RunStore};
use domain::{ConversationId, ConversationPatch, StoreError, TitleSource, UserId};

use crate::support::{TestDb, conflict, for_each_database};

for_each_database! {
    pages_in_order_of_activity,
    filters,
    changes,
    suggested_titles_yield_to_the_user,
    steps_and_results_are_kept,
}

async fn create(db: &TestDb, user_id: UserId, title: Option<&str>) -> ConversationId {
    let new = NewConversation {
        conversation_id: ConversationId(db.uuid()),
        title: title.map(str::to_owned),
        model: None,
        now: db.later(10),
    };
    db.store
        .create_conversation(user_id, new, None)
        .await
        .unwrap()
        .conversation_id
}

async fn pages_in_order_of_activity(db: &TestDb) {
    let (user, other) = (
        db.user("a@example.org").await,
        db.user("b@example.org").await,
    );
    let mut made = Vec::new();
    for n in 0..7 {
        made.push(create(db, user.id, Some(&format!("talk {n}"))).await);
        create(db, other.id, None).await;
    }
    made.reverse();
    let mut query = ConversationQuery {
        per_page: 3,
        ..ConversationQuery::default()
    };
    let mut seen = Vec::new();
    for page in 1..=3 {
        query.position = ListPosition::Page(page);
        let answer = db
            .store
            .conversations(user.id, query.clone())
            .await
            .unwrap();
        assert_eq!((answer.total, answer.has_more), (7, page < 3));
        seen.extend(answer.conversations.iter().map(|c| c.conversation_id));
    }
    assert_eq!(seen, made);
    // By key, while something new arrives.
    query.position = ListPosition::Page(1);
    let mut seen = Vec::new();
    loop {
        let answer = db
            .store
            .conversations(user.id, query.clone())
            .await
            .unwrap();
        seen.extend(answer.conversations.iter().map(|c| c.conversation_id));
        create(db, user.id, None).await;
        let last = answer.conversations.last().unwrap();
        query.position = ListPosition::After {
            updated_at: last.updated_at,
            id: last.id,
        };
        if !answer.has_more {
            break;
        }
    }
    assert_eq!(seen, made);
    let again = NewConversation {
        conversation_id: made[0],
        title: None,
        model: None,
        now: db.now(),
    };
    let taken = db.store.create_conversation(user.id, again, None).await;
    assert_eq!(conflict(taken), "conversation_exists");
}

async fn filters(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let umlaut = create(db, user.id, Some("Über ALLES_%")).await;
    let tagged = create(db, user.id, Some("tagged")).await;
    let talk = db
        .send(user.id, "Where is the CAT?")
        .await
        .run
        .conversation_id;
    let patch = ConversationPatch {
        pinned: Some(true),
        archived: Some(true),
        tags: Some(vec!["work".to_owned(), "x".to_owned()]),
        ..ConversationPatch::default()
    };
    db.store
        .patch_conversation(user.id, tagged, patch)
        .await
        .unwrap();
    let all = || ConversationQuery {
        per_page: 20,
        ..ConversationQuery::default()
    };
    let text = |q: &str| ConversationQuery {
        q: Some(q.to_owned()),
        ..all()
    };
    for (query, expected) in [
        (text("über"), vec![umlaut]),
        (text("alles_%"), vec![umlaut]),
        (text("_"), vec![umlaut]),
        (text("the cat"), vec![talk]),
        (text("nothing"), vec![]),
        (
            ConversationQuery {
                pinned: Some(true),
                ..all()
            },
            vec![tagged],
        ),
        (
            ConversationQuery {
                archived: Some(false),
                ..all()
            },
            vec![talk, umlaut],
        ),
        (
            ConversationQuery {
                tag: Some("work".to_owned()),
                ..all()
            },
            vec![tagged],
        ),
        (
            ConversationQuery {
                tag: Some("wor".to_owned()),
                ..all()
            },
            vec![],
        ),
    ] {
        let page = db
            .store
            .conversations(user.id, query.clone())
            .await
            .unwrap();
        let mut found: Vec<_> = page
            .conversations
            .iter()
            .map(|c| c.conversation_id)
            .collect();
        let mut expected = expected;
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{query:?}");
        assert_eq!(page.total, i64::try_from(expected.len()).unwrap());
    }
}

async fn changes(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let id = create(db, user.id, None).await;
    let before = db.store.conversation(user.id, id).await.unwrap();
    db.later(50);
    let patch = ConversationPatch {
        title: Some("New".to_owned()),
        model: Some(Some("a/b".to_owned())),
        ..ConversationPatch::default()
    };
    let after = db
        .store
        .patch_conversation(user.id, id, patch)
        .await
        .unwrap();
    assert_eq!(after.title.as_deref(), Some("New"));
    assert_eq!(after.title_source, TitleSource::User);
    assert_eq!(
        (after.model.as_deref(), after.updated_at),
        (Some("a/b"), before.updated_at)
    );
    assert_eq!(db.store.conversation(user.id, id).await.unwrap(), after);
    let clear = ConversationPatch {
        model: Some(None),
        ..ConversationPatch::default()
    };
    let after = db
        .store
        .patch_conversation(user.id, id, clear)
        .await
        .unwrap();
    assert_eq!((after.model, after.title.as_deref()), (None, Some("New")));
    let random = ConversationId(db.uuid());
    let missing = db
        .store
        .patch_conversation(user.id, random, ConversationPatch::default())
        .await;
    assert_eq!(missing, Err(StoreError::NotFound));
    let found = db
        .store
        .conversations_by_id(user.id, &[id, random])
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
}

async fn suggested_titles_yield_to_the_user(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let id = db.send(user.id, "first words").await.run.conversation_id;
    db.store
        .suggest_title(user.id, id, "By the model")
        .await
        .unwrap();
    let found = db.store.conversation(user.id, id).await.unwrap();
    assert_eq!(found.title.as_deref(), Some("By the model"));
    assert_eq!(found.title_source, TitleSource::Model);
    let patch = ConversationPatch {
        title: Some("Mine".to_owned()),
        ..Default::default()
    };
    db.store
        .patch_conversation(user.id, id, patch)
        .await
        .unwrap();
    db.store.suggest_title(user.id, id, "Again").await.unwrap();
    let found = db.store.conversation(user.id, id).await.unwrap();
    assert_eq!(found.title.as_deref(), Some("Mine"));
}

async fn steps_and_results_are_kept(db: &TestDb) {
    use domain::step::ToolOutcome;
    use domain::{CallState, ToolClass};
    use serde_json::json;
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let call = db.call("clock", ToolClass::ReadOnly, false);
    let step = db.model_step(sent.ai_message.id, vec![call.clone()]);
    db.store.record_model_step(fence, step).await.unwrap();
    let outcome = ToolOutcome {
        state: CallState::Succeeded,
        result: json!("noon"),
    };
    let call_id = call.call.call_id;
    db.store
        .record_outcome(fence, call_id, outcome, db.now())
        .await
        .unwrap();
    db.store.begin_answer(fence, None, db.now()).await.unwrap();
    db.store
        .finish(fence, db.completed("It is noon."))
        .await
        .unwrap();
    let found = db
        .store
        .conversation(user.id, sent.run.conversation_id)
        .await
        .unwrap();
    assert_eq!(found.step_count, 3);
    let run = db.store.run(user.id, sent.run.run_id).await.unwrap();
    assert_eq!(run.step, 3);
    assert_eq!(found.last_tool_result, Some(json!({ "value": "noon" })));
    assert_eq!((found.message_count, found.active_run), (5, None));
}
