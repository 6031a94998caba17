//! Pages of the active branch, and the history of a run.

use domain::message::Window;
use domain::store::{ConversationStore, RunStore};
use domain::{MessageId, StoreError};

use crate::support::{TestDb, for_each_database};

for_each_database! {
    windows_of_a_branch,
    windows_beside_the_branch_are_not_found,
    paging_meets_every_message_once,
    history_fits_its_bytes,
    empty_conversations_have_an_empty_page,
    a_long_conversation_is_not_walked,
}

fn ids(messages: &[domain::Message]) -> Vec<i64> {
    messages.iter().map(|message| message.id.0).collect()
}

async fn conversation(db: &TestDb, turns: usize) -> (domain::store::Sent, Vec<i64>) {
    let user = db.user("a@example.org").await;
    let first = db.turn(user.id, None, "answer 0").await;
    // A branch beside, so that ids of the active one are not contiguous.
    let again = db.regenerate(&first);
    let beside = again.new_run_id;
    db.store.regenerate(again).await.unwrap();
    db.store
        .request_cancel(user.id, beside, db.now())
        .await
        .unwrap();
    for n in 1..turns {
        db.turn(user.id, Some(&first), &format!("answer {n}")).await;
    }
    let path = ids(&db.latest(&first).await);
    assert_eq!(path.len(), 2 * turns);
    (first, path)
}

async fn windows_of_a_branch(db: &TestDb) {
    let (first, path) = conversation(db, 5).await;
    let (user_id, id) = (first.run.user_id, first.run.conversation_id);
    let at = |index: usize| MessageId(path[index]);
    for (window, limit, expected, before, after) in [
        (Window::Latest, 3, &path[7..], true, false),
        (Window::Latest, 10, &path[..], false, false),
        (Window::Before(at(4)), 3, &path[1..4], true, true),
        (Window::Before(at(2)), 3, &path[..2], false, true),
        (Window::Before(at(0)), 3, &path[..0], false, true),
        (Window::After(at(4)), 3, &path[5..8], true, true),
        (Window::After(at(7)), 3, &path[8..], true, false),
        (Window::After(at(9)), 3, &path[..0], true, false),
        (Window::Around(at(5)), 5, &path[3..8], true, true),
        (Window::Around(at(0)), 4, &path[..4], false, true),
        (Window::Around(at(9)), 4, &path[6..], true, false),
        (Window::Around(at(5)), 1, &path[5..6], true, true),
        (Window::Around(at(5)), 200, &path[..], false, false),
    ] {
        let page = db.store.messages(user_id, id, window, limit).await.unwrap();
        assert_eq!(ids(&page.messages), expected, "{window:?} {limit}");
        assert_eq!(
            (page.has_before, page.has_after),
            (before, after),
            "{window:?} {limit}"
        );
        assert_eq!(page.cursor, db.store.feed_end_of(user_id).await);
    }
}

trait FeedEnd {
    async fn feed_end_of(&self, user_id: domain::UserId) -> domain::Cursor;
}

impl FeedEnd for store::SqlStore {
    async fn feed_end_of(&self, user_id: domain::UserId) -> domain::Cursor {
        domain::store::FeedStore::feed_end(self, user_id)
            .await
            .unwrap()
    }
}

async fn windows_beside_the_branch_are_not_found(db: &TestDb) {
    let (first, path) = conversation(db, 3).await;
    let (user_id, id) = (first.run.user_id, first.run.conversation_id);
    // The first answer was regenerated: it lies beside the branch.
    assert!(!path.contains(&first.ai_message.id.0));
    for target in [
        first.ai_message.id,
        MessageId(path[5] + 1_000),
        MessageId(0),
    ] {
        for window in [
            Window::Before(target),
            Window::After(target),
            Window::Around(target),
        ] {
            let page = db.store.messages(user_id, id, window, 3).await;
            assert_eq!(page, Err(StoreError::NotFound), "{window:?}");
        }
    }
}

async fn paging_meets_every_message_once(db: &TestDb) {
    let (first, path) = conversation(db, 12).await;
    let (user_id, id) = (first.run.user_id, first.run.conversation_id);
    for limit in [1, 2, 3, 7, 50] {
        let mut page = db
            .store
            .messages(user_id, id, Window::Latest, limit)
            .await
            .unwrap();
        let mut seen = ids(&page.messages);
        while page.has_before {
            let oldest = MessageId(seen[0]);
            page = db
                .store
                .messages(user_id, id, Window::Before(oldest), limit)
                .await
                .unwrap();
            seen.splice(0..0, ids(&page.messages));
        }
        assert_eq!(seen, path);
        let mut seen = vec![path[0]];
        loop {
            let newest = MessageId(*seen.last().unwrap());
            page = db
                .store
                .messages(user_id, id, Window::After(newest), limit)
                .await
                .unwrap();
            seen.extend(ids(&page.messages));
            if !page.has_after {
                break;
            }
        }
        assert_eq!(seen, path);
    }
}

async fn history_fits_its_bytes(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let first = db.turn(user.id, None, "ä").await;
    let second = db.turn(user.id, Some(&first), "bb").await;
    let third = db.turn(user.id, Some(&first), "ccc").await;
    let id = first.run.conversation_id;
    // "ask ä" 6, "ä" 2, "ask bb" 6, "bb" 2, "ask ccc" 7, "ccc" 3
    let leaf = third.ai_message.id;
    for (bytes, expected, cut) in [
        (0, 1, true),
        (3, 1, true),
        (9, 1, true),
        (10, 2, true),
        (12, 3, true),
        (18, 4, true),
        (19, 4, true),
        (20, 5, true),
        (26, 6, false),
        (900, 6, false),
    ] {
        let (messages, left_out) = db.store.history(user.id, id, leaf, bytes).await.unwrap();
        assert_eq!((messages.len(), left_out), (expected, cut), "{bytes}");
        assert_eq!(messages.last().unwrap().id, leaf);
    }
    let (messages, _) = db
        .store
        .history(user.id, id, second.user_message.id, 900)
        .await
        .unwrap();
    assert_eq!(
        messages
            .iter()
            .map(|m| m.content.as_str())
            .collect::<Vec<_>>(),
        ["ask ä", "ä", "ask bb"]
    );
    let missing = db.store.history(user.id, id, MessageId(99_999), 900).await;
    assert_eq!(missing, Err(StoreError::NotFound));
}

async fn empty_conversations_have_an_empty_page(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let new = domain::conversation::NewConversation {
        conversation_id: domain::ConversationId(db.uuid()),
        title: None,
        model: None,
        now: db.now(),
    };
    let made = db
        .store
        .create_conversation(user.id, new, None)
        .await
        .unwrap();
    let page = db
        .store
        .messages(user.id, made.conversation_id, Window::Latest, 50)
        .await
        .unwrap();
    assert_eq!(
        (page.messages, page.has_before, page.has_after),
        (vec![], false, false)
    );
    let (open, _) = db
        .store
        .open_message(user.id, made.conversation_id)
        .await
        .unwrap();
    assert_eq!(open, None);
}

/// Counts rows touched instead of time: the plan has to be a walk along primary keys.
async fn a_long_conversation_is_not_walked(db: &TestDb) {
    if !db.is_sqlite() {
        return;
    }
    let (_, upwards) = store::statements()
        .into_iter()
        .find(|(name, _)| *name == "UPWARDS")
        .unwrap();
    let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect(&db.url)
        .await
        .unwrap();
    let plan = format!("EXPLAIN QUERY PLAN {}", upwards.sqlite);
    let rows = sqlx::query(sqlx::AssertSqlSafe(plan))
        .bind(1_i64)
        .bind(50_i64)
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let lines: Vec<String> = rows
        .iter()
        .map(|row| sqlx::Row::get(row, "detail"))
        .collect();
    let scans: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("SCAN m"))
        .collect();
    assert!(scans.is_empty(), "{lines:#?}");
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.contains("INTEGER PRIMARY KEY"))
            .count(),
        2,
        "{lines:#?}"
    );
    sqlx::Connection::close(connection).await.unwrap();
}
