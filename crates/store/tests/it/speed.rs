//! Not a benchmark: prints how long the common calls take. `--run-ignored all --no-capture`.

use std::time::Instant;

use domain::message::Window;
use domain::store::{ConversationStore, FeedStore, SessionStore};
use sqlx::{Connection, SqliteConnection};

use crate::support::TestDb;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints times"]
async fn common_calls() {
    let db = TestDb::sqlite().await;
    let user = db.user("a@example.org").await;
    let first = db.turn(user.id, None, "one").await;
    let mut conn = SqliteConnection::connect(&db.url).await.unwrap();
    sqlx::query(
        "WITH RECURSIVE n (i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) \
         INSERT INTO conversation_messages (id, conversation_id, user_id, role, content, \
         message_type, timestamp, parent_id, status) SELECT i, conversation_id, user_id, role, \
         'some words of an answer', message_type, timestamp, i - 1, status FROM n, \
         (SELECT * FROM conversation_messages WHERE id = 2)",
    )
    .execute(&mut conn)
    .await
    .unwrap();
    sqlx::query("UPDATE conversation_states SET head_message_id = 100000, message_count = 100000")
        .execute(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    let id = first.run.conversation_id;
    let latest = || db.store.messages(user.id, id, Window::Latest, 50);
    let middle = domain::MessageId(50_000);
    let mut times = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        assert_eq!(latest().await.unwrap().messages.len(), 50);
        times.push(start.elapsed());
    }
    times.sort();
    println!(
        "last 50 of 100,000: p50 {:?} p99 {:?}",
        times[100], times[198]
    );
    let start = Instant::now();
    db.store
        .messages(user.id, id, Window::Before(middle), 50)
        .await
        .unwrap();
    println!("50 before the 50,000th: {:?}", start.elapsed());
    let end = db.store.feed_end(user.id).await.unwrap();
    let start = Instant::now();
    for _ in 0..200 {
        db.store.feed_after(user.id, end, 100).await.unwrap();
    }
    println!("feed_after: {:?}", start.elapsed() / 200);
    let start = Instant::now();
    for _ in 0..200 {
        let session = domain::SessionId(db.uuid());
        db.store
            .live_session(user.id, session, db.now())
            .await
            .unwrap();
    }
    println!("live_session: {:?}", start.elapsed() / 200);
    let start = Instant::now();
    futures::future::join_all((0..200).map(|n| {
        let message = db.message(user.id, &format!("m{n}"));
        domain::store::RunStore::send(&db.store, message)
    }))
    .await;
    println!("200 sends at once: {:?}", start.elapsed());
    let start = Instant::now();
    db.send(user.id, "alone").await;
    println!("one send: {:?}", start.elapsed());
    let start = Instant::now();
    db.store.delete_conversation(user.id, id).await.unwrap();
    println!("deleting 100,000 messages: {:?}", start.elapsed());
    db.end().await;
}
