//! Deleted is gone: by SQL on both, and from the bytes of SQLite's files.

use domain::conversation::ConversationQuery;
use domain::step::ToolOutcome;
use domain::store::{
    ApprovalStore, ConversationStore, RunStore, SendMessage, Sent, SessionStore, UserStore,
};
use domain::*;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};

use crate::support::{TestDb, for_each_database, key, new_user, text_delta};

for_each_database! {
    a_deleted_conversation_leaves_nothing,
    deleting_stops_what_is_going_on,
    a_deleted_account_leaves_nothing_and_others_untouched,
}

const CANARY: &str = "canary-7f3a";

fn canary(name: &str) -> String {
    format!("{CANARY} {name}")
}

/// A conversation with the canary in every field that takes text.
async fn marked(db: &TestDb, user_id: UserId) -> Sent {
    let send = SendMessage {
        client_message_id: Some(canary("client id")),
        model: Some(canary("model")),
        agent_id: Some(canary("agent")),
        time_zone: Some(canary("zone")),
        key: key("k", "hash"),
        ..db.message(user_id, &canary("question"))
    };
    let sent = db.store.send(send).await.unwrap();
    let patch = ConversationPatch {
        title: Some(canary("title")),
        tags: Some(vec![canary("tag")]),
        ..ConversationPatch::default()
    };
    let id = sent.run.conversation_id;
    db.store
        .patch_conversation(user_id, id, patch)
        .await
        .unwrap();
    let fence = crate::support::fence(&db.claim().await);
    db.store.begin_answer(fence, None, db.now()).await.unwrap();
    let delta = text_delta(sent.ai_message.id, 1, 0, &canary("delta"));
    db.store
        .append_deltas(fence, vec![delta], db.now())
        .await
        .unwrap();
    db.store.restart_answer(fence, db.now()).await.unwrap();
    let mut call = db.call(&canary("tool"), ToolClass::Effectful, true);
    call.call.arguments = json!({ "x": canary("argument") });
    let call_id = call.call.call_id;
    let step = db.model_step(sent.ai_message.id, vec![call]);
    let step = domain::store::ModelStep {
        text: canary("text"),
        reasoning: canary("reasoning"),
        ..step
    };
    db.store.record_model_step(fence, step).await.unwrap();
    let asked = db.store.approvals(user_id).await.unwrap().pop().unwrap();
    let hash = &asked.arguments_hash;
    let (id, scope) = (asked.approval_id, Scope::Conversation);
    db.store
        .decide(user_id, id, Decision::Approve, scope, hash, db.now())
        .await
        .unwrap();
    let outcome = ToolOutcome {
        state: CallState::Succeeded,
        result: json!(canary("result")),
    };
    db.store
        .record_outcome(fence, call_id, outcome, db.now())
        .await
        .unwrap();
    let open = db.store.begin_answer(fence, None, db.now()).await.unwrap();
    let delta = text_delta(open.message_id, 1, 0, &canary("second delta"));
    db.store
        .append_deltas(fence, vec![delta], db.now())
        .await
        .unwrap();
    sent
}

/// Every row that SQL can see, as text.
async fn rows(db: &TestDb) -> Vec<String> {
    let mut found = Vec::new();
    if db.is_sqlite() {
        let mut conn = SqliteConnection::connect(&db.url).await.unwrap();
        let columns = sqlx::query(
            "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE '\\_%' ESCAPE '\\'",
        )
        .fetch_all(&mut conn)
        .await
        .unwrap();
        for column in columns {
            let (table, column): (String, String) = (column.get(0), column.get(1));
            let sql = format!("SELECT COALESCE(CAST({column} AS TEXT), '') FROM {table}");
            let values: Vec<Vec<u8>> = sqlx::query_scalar(AssertSqlSafe(format!(
                "SELECT CAST(({column}) AS BLOB) FROM {table} WHERE {column} IS NOT NULL"
            )))
            .fetch_all(&mut conn)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
            for value in values {
                found.push(format!(
                    "{table}.{column}={}",
                    String::from_utf8_lossy(&value)
                ));
            }
        }
        conn.close().await.unwrap();
    } else {
        let mut conn = PgConnection::connect(&db.url).await.unwrap();
        let tables: Vec<String> = sqlx::query_scalar(
            "SELECT table_name::TEXT FROM information_schema.tables WHERE table_schema = 'public'",
        )
        .fetch_all(&mut conn)
        .await
        .unwrap();
        for table in tables {
            let sql = format!("SELECT row_to_json(t)::TEXT FROM {table} t");
            let values: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
                .fetch_all(&mut conn)
                .await
                .unwrap();
            found.extend(values.into_iter().map(|value| format!("{table} {value}")));
        }
        conn.close().await.unwrap();
    }
    found
}

/// Files of the data directory that hold the text.
fn files_with(db: &TestDb, text: &str) -> Vec<String> {
    let holds = |bytes: &[u8]| {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    std::fs::read_dir(db.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| holds(&std::fs::read(path).unwrap()))
        .map(|path| path.display().to_string())
        .collect()
}

async fn assert_gone(db: &TestDb, texts: &[&str]) {
    let rows = rows(db).await;
    for text in texts {
        let left: Vec<_> = rows.iter().filter(|row| row.contains(text)).collect();
        assert!(left.is_empty(), "{left:#?}");
        if db.is_sqlite() {
            assert!(db.store.checkpoint().await);
            assert_eq!(files_with(db, text), Vec::<String>::new());
        }
    }
}

async fn a_deleted_conversation_leaves_nothing(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let kept = db.turn(user.id, None, "kept").await;
    let sent = marked(db, user.id).await;
    assert!(
        rows(db)
            .await
            .iter()
            .filter(|row| row.contains(CANARY))
            .count()
            > 12
    );
    if db.is_sqlite() {
        assert_ne!(files_with(db, CANARY), Vec::<String>::new());
    }
    let query = || ConversationQuery {
        per_page: 20,
        ..ConversationQuery::default()
    };
    assert_eq!(
        db.store
            .conversations(user.id, query())
            .await
            .unwrap()
            .total,
        2
    );
    let (id, run_id) = (sent.run.conversation_id, sent.run.run_id);
    assert_eq!(
        db.store.delete_conversation(user.id, id).await.unwrap(),
        vec![run_id]
    );
    assert_gone(db, &[CANARY]).await;
    assert_eq!(
        db.store
            .conversations(user.id, query())
            .await
            .unwrap()
            .total,
        1
    );
    let of_it: Vec<_> = db
        .feed(user.id)
        .await
        .iter()
        .filter(|event| event.conversation_id == Some(id))
        .map(|event| event.body.clone())
        .collect();
    assert_eq!(of_it, [EventBody::ConversationDeleted {}]);
    assert_eq!(
        db.store.conversation(user.id, id).await,
        Err(StoreError::NotFound)
    );
    assert_eq!(
        db.store.delete_conversation(user.id, id).await,
        Err(StoreError::NotFound)
    );
    assert_eq!(db.latest(&kept).await.len(), 2);
    let ids = id.0.simple().to_string();
    let left: Vec<_> = rows(db)
        .await
        .into_iter()
        .filter(|row| row.contains(&ids) || row.contains(&id.to_string()))
        .collect();
    assert!(left.iter().all(|row| row.starts_with("events")), "{left:?}");
}

async fn deleting_stops_what_is_going_on(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let id = sent.run.conversation_id;
    let appends = (0..20).map(|n| {
        let delta = text_delta(sent.ai_message.id, 1, n * 2, "xy");
        db.store.append_deltas(fence, vec![delta], db.now())
    });
    let (outcomes, deleted) = futures::future::join(
        futures::future::join_all(appends),
        db.store.delete_conversation(user.id, id),
    )
    .await;
    assert_eq!(deleted.unwrap(), vec![sent.run.run_id]);
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Ok(()) | Err(StoreError::FenceLost)))
    );
    assert_eq!(
        db.store.finish(fence, db.completed("late")).await,
        Err(StoreError::FenceLost)
    );
    let late = db.store.append_deltas(
        fence,
        vec![text_delta(sent.ai_message.id, 1, 0, "x")],
        db.now(),
    );
    assert_eq!(late.await, Err(StoreError::FenceLost));
    let feed = db.feed(user.id).await;
    assert!(
        feed.iter()
            .all(|event| event.body == EventBody::ConversationDeleted {}),
        "{feed:?}"
    );
}

async fn a_deleted_account_leaves_nothing_and_others_untouched(db: &TestDb) {
    use domain::store::{Admission, TodoStore};
    let other = db.user("other@example.org").await;
    db.turn(other.id, None, "theirs").await;
    let before = rows(db).await;
    let email = format!("{CANARY}@example.org");
    let new = domain::user::NewUser {
        full_name: canary("name"),
        password_hash: canary("hash"),
        ..new_user(&email, db.now())
    };
    let user = db.store.create_user(new, Admission::Granted).await.unwrap();
    let sent = marked(db, user.id).await;
    let add = TodoCommand::Add {
        title: canary("todo"),
        due_at: None,
    };
    db.store.todo_command(user.id, add, db.now()).await.unwrap();
    let session = Session {
        session_id: SessionId(db.uuid()),
        user_id: user.id,
        generation: 1,
        user_agent: Some(canary("browser")),
        created_at: db.now(),
        last_used_at: db.now(),
        expires_at: db.now().plus_millis(10),
    };
    db.store
        .create_session(session, canary("hash"))
        .await
        .unwrap();
    db.store.delete_user(user.id).await.unwrap();
    assert_gone(db, &[CANARY]).await;
    let mut after = rows(db).await;
    let mut before = before;
    before.sort();
    after.sort();
    assert_eq!(after, before);
    assert_eq!(
        db.store.run(user.id, sent.run.run_id).await,
        Err(StoreError::NotFound)
    );
    // Numbers of the dead are not given out again.
    assert!(db.user("new@example.org").await.id > user.id);
}
