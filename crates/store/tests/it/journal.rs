//! Writers at the same time, a member that fails, callers that leave.

use domain::conversation::ConversationQuery;
use domain::store::{ConversationStore, Health, Maintenance, RunStore, SendMessage};
use domain::{ConversationId, MessageId, StoreError};

use crate::support::{TestDb, for_each_database, key, text_delta};

for_each_database! {
    a_failing_member_fails_alone,
    a_write_goes_on_without_its_caller,
    writes_and_deltas_together,
    a_reader_that_leaves_harms_nobody,
    healthy,
}

async fn a_failing_member_fails_alone(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let sends = (0..40).map(|n| {
        // Fails after it has written a key, a conversation and a counter.
        let parent_id = (n % 4 == 0).then_some(MessageId(999_999));
        let key = key(&format!("k{n}"), "body");
        db.store.send(SendMessage {
            key,
            parent_id,
            ..db.message(user.id, &format!("m{n}"))
        })
    });
    let outcomes = futures::future::join_all(sends).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        if n % 4 == 0 {
            assert_eq!(*outcome, Err(StoreError::NotFound), "{n}");
        } else {
            assert!(outcome.is_ok(), "{n}: {outcome:?}");
        }
    }
    let query = ConversationQuery {
        per_page: 100,
        ..ConversationQuery::default()
    };
    let page = db.store.conversations(user.id, query).await.unwrap();
    assert_eq!((page.conversations.len(), page.total), (30, 30));
    let feed = db.feed(user.id).await;
    assert_eq!(feed.len(), 30 * 4);
    assert_eq!(feed.last().unwrap().seq, 30 * 4);
    let again = SendMessage {
        key: key("k0", "body"),
        ..db.message(user.id, "m0")
    };
    assert!(!db.store.send(again).await.unwrap().repeated);
}

async fn a_write_goes_on_without_its_caller(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let message = db.message(user.id, "nobody waits");
    let id: ConversationId = message.new_conversation_id;
    {
        let mut send = Box::pin(db.store.send(message));
        assert!(futures::poll!(&mut send).is_pending());
    }
    while db.store.conversation(user.id, id).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(db.kinds_after(user.id, 0).await.len(), 4);
}

async fn writes_and_deltas_together(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let write = async {
        for n in 0..20 {
            db.send(user.id, &format!("m{n}")).await;
        }
    };
    let stream = async {
        let mut offset = 0;
        for n in 0..40 {
            let text = format!("{n} ");
            let delta = text_delta(sent.ai_message.id, 1, offset, &text);
            offset += text.len();
            db.store
                .append_deltas(fence, vec![delta], db.now())
                .await
                .unwrap();
        }
    };
    futures::future::join(write, stream).await;
    let expected: String = (0..40).map(|n| format!("{n} ")).collect();
    let (open, _) = db
        .store
        .open_message(user.id, sent.run.conversation_id)
        .await
        .unwrap();
    assert_eq!(open.unwrap().content, expected);
    let feed = db.feed(user.id).await;
    assert_eq!(feed.last().unwrap().seq, i64::try_from(feed.len()).unwrap());
}

async fn a_reader_that_leaves_harms_nobody(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let sent = db.turn(user.id, None, "one").await;
    for steps in 0..60 {
        let mut read = Box::pin(db.store.sent(user.id, sent.run.run_id));
        for _ in 0..steps % 6 {
            if futures::poll!(&mut read).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    for _ in 0..20 {
        assert_eq!(db.store.sent(user.id, sent.run.run_id).await.unwrap(), sent);
    }
    db.send_to(&sent, "two").await;
}

async fn healthy(db: &TestDb) {
    assert_eq!(db.store.health(), Health::Ready);
    assert_eq!(db.store.probe().await, Health::Ready);
    let version = db.store.version().await.unwrap();
    let product = if db.is_sqlite() {
        "sqlite 3."
    } else {
        "postgresql 1"
    };
    assert!(version.starts_with(product), "{version}");
}
