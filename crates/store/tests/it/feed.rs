//! Numbers, pages, resets, sweeping.

use std::collections::BTreeMap;

use domain::event::FeedPage;
use domain::limits::{DELTAS_KEPT_MS, EVENTS_KEPT_MS, FEED_PAGE_BYTES, IDEMPOTENCY_KEPT_MS};
use domain::store::{FeedStore, Maintenance, RunStore, SendMessage, Swept};
use domain::{Cursor, EventBody, MessageId, StoreError, UserId};

use crate::support::{PASSWORD_HASH, TestDb, for_each_database, key, text_delta};

for_each_database! {
    numbers_are_dense_under_many_writers,
    pages_follow_each_other,
    a_page_is_bounded_by_its_bytes,
    cursors_that_cannot_be_followed_are_reset,
    swept_deltas_leave_the_message,
    old_events_are_swept_and_their_cursors_reset,
    keys_and_sessions_are_swept,
    a_user_without_feed_is_not_found,
}

async fn numbers_are_dense_under_many_writers(db: &TestDb) {
    let (user, other) = (
        db.user("a@example.org").await,
        db.user("b@example.org").await,
    );
    let sends = (0..30).map(|n| {
        let user_id = if n % 3 == 0 { other.id } else { user.id };
        db.store.send(db.message(user_id, &format!("m{n}")))
    });
    futures::future::try_join_all(sends).await.unwrap();
    db.store
        .claim(crate::support::NODE, db.now(), 30, false)
        .await
        .unwrap();
    let mut published: BTreeMap<UserId, Vec<_>> = BTreeMap::new();
    for event in db.bus.events.lock().unwrap().iter() {
        published
            .entry(event.user_id)
            .or_default()
            .push(event.clone());
    }
    for (user_id, mut published) in published {
        let feed = db.feed(user_id).await;
        let numbers: Vec<i64> = feed.iter().map(|event| event.seq).collect();
        assert_eq!(
            numbers,
            (1..=i64::try_from(feed.len()).unwrap()).collect::<Vec<_>>()
        );
        if !db.is_sqlite() {
            // Several connections publish: the tail puts them in order.
            published.sort_by_key(|event| event.seq);
        }
        assert_eq!(published, feed);
    }
    assert_eq!(db.feed(user.id).await.len(), 20 * 5);
}

async fn pages_follow_each_other(db: &TestDb) {
    let user = db.user("a@example.org").await;
    for n in 0..4 {
        db.send(user.id, &format!("m{n}")).await;
    }
    let all = db.feed(user.id).await;
    let last = db.store.feed_end(user.id).await.unwrap();
    assert_eq!(last, all.last().unwrap().cursor());
    for limit in [1, 3, 16, 17] {
        let mut cursor = Cursor { seq: 0, ..last };
        let mut seen = Vec::new();
        loop {
            let page = db.store.feed_after(user.id, cursor, limit).await.unwrap();
            let FeedPage::Events { events, end, more } = page else {
                panic!("{page:?}")
            };
            assert!(events.len() <= usize::try_from(limit).unwrap());
            seen.extend(events);
            cursor = end;
            if !more {
                break;
            }
        }
        assert_eq!((seen, cursor), (all.clone(), last));
    }
}

async fn a_page_is_bounded_by_its_bytes(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence) = db.started(user.id, "go").await;
    let start = db.store.feed_end(user.id).await.unwrap();
    let page = usize::try_from(FEED_PAGE_BYTES).unwrap();
    // The last is longer than a page by itself, in bytes and not in characters.
    let texts = [
        "x".repeat(page / 3),
        "y".repeat(page / 2),
        "z".repeat(page / 3),
        "語".repeat(page / 2),
        "short".to_owned(),
    ];
    let mut offset = 0;
    for text in &texts {
        let delta = text_delta(sent.ai_message.id, 1, offset, text);
        offset += text.len();
        db.store
            .append_deltas(fence, vec![delta], db.now())
            .await
            .unwrap();
    }
    let (mut cursor, mut pages) = (start, Vec::new());
    loop {
        let page = db.store.feed_after(user.id, cursor, 100).await.unwrap();
        let FeedPage::Events { events, end, more } = page else {
            panic!("{page:?}")
        };
        let texts = events.iter().map(|event| match &event.body {
            EventBody::Delta(delta) => delta.text.clone(),
            other => panic!("{other:?}"),
        });
        pages.push(texts.collect::<Vec<_>>());
        cursor = end;
        if !more {
            break;
        }
    }
    let expected = [&texts[..2], &texts[2..3], &texts[3..4], &texts[4..]];
    assert_eq!(pages, expected);
    assert_eq!(cursor, db.store.feed_end(user.id).await.unwrap());
}

async fn cursors_that_cannot_be_followed_are_reset(db: &TestDb) {
    let user = db.user("a@example.org").await;
    db.send(user.id, "go").await;
    let end = db.store.feed_end(user.id).await.unwrap();
    for cursor in [
        Cursor {
            epoch: end.epoch + 1,
            ..end
        },
        Cursor {
            epoch: end.epoch - 1,
            seq: 0,
        },
        Cursor {
            seq: end.seq + 1,
            ..end
        },
    ] {
        let page = db.store.feed_after(user.id, cursor, 10).await.unwrap();
        assert_eq!(page, FeedPage::Reset { cursor: end });
    }
    let page = db.store.feed_after(user.id, end, 10).await.unwrap();
    assert_eq!(
        page,
        FeedPage::Events {
            events: vec![],
            end,
            more: false
        }
    );
    db.store.begin_anew().await.unwrap();
    let page = db.store.feed_after(user.id, end, 10).await.unwrap();
    let FeedPage::Reset { cursor } = page else {
        panic!("{page:?}")
    };
    assert!(cursor.epoch > end.epoch);
    assert_eq!(db.store.feed_end(user.id).await.unwrap(), cursor);
}

async fn stream(db: &TestDb, user_id: UserId) -> (MessageId, domain::Fence) {
    let (sent, fence) = db.started(user_id, "go").await;
    let id = sent.ai_message.id;
    for (n, text) in ["one ", "two ", "three"].iter().enumerate() {
        let delta = text_delta(id, 1, n * 4, text);
        db.store
            .append_deltas(fence, vec![delta], db.now())
            .await
            .unwrap();
    }
    (id, fence)
}

async fn swept_deltas_leave_the_message(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (id, fence) = stream(db, user.id).await;
    let (_, still_running) = stream(db, user.id).await;
    let all = db.feed(user.id).await;
    let first = all
        .iter()
        .find(|event| event.body.kind() == "delta")
        .unwrap()
        .cursor();
    db.store
        .finish(fence, db.completed("one two three"))
        .await
        .unwrap();
    db.later(DELTAS_KEPT_MS);
    assert_eq!(db.store.sweep(db.now()).await.unwrap(), Swept::default());
    db.later(1);
    let swept = db.store.sweep(db.now()).await.unwrap();
    assert_eq!(
        swept,
        Swept {
            deltas: 3,
            ..Swept::default()
        }
    );
    assert_eq!(db.store.sweep(db.now()).await.unwrap(), Swept::default());

    let page = db.store.feed_after(user.id, first, 100).await.unwrap();
    let FeedPage::Events { events, .. } = page else {
        panic!("{page:?}")
    };
    let of_message: Vec<_> = events
        .iter()
        .filter(
            |event| matches!(&event.body, EventBody::Message { message_id } if *message_id == id),
        )
        .collect();
    assert_eq!(of_message.len(), 1);
    let deltas = events
        .iter()
        .filter(|event| event.body.kind() == "delta")
        .count();
    assert_eq!(deltas, 3, "a run that goes on keeps its own");
    assert!(
        db.store
            .recall(still_running)
            .await
            .unwrap()
            .open_answer
            .unwrap()
            .text
            .len()
            == 13
    );
}

async fn old_events_are_swept_and_their_cursors_reset(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let first = db.turn(user.id, None, "old").await;
    let old = db.store.feed_end(user.id).await.unwrap();
    db.later(EVENTS_KEPT_MS + 1);
    db.send_to(&first, "new").await;
    let swept = db.store.sweep(db.now()).await.unwrap();
    assert_eq!(swept.events, u64::try_from(old.seq).unwrap());
    let before = Cursor {
        seq: old.seq - 1,
        ..old
    };
    let end = db.store.feed_end(user.id).await.unwrap();
    let page = db.store.feed_after(user.id, before, 10).await.unwrap();
    assert_eq!(page, FeedPage::Reset { cursor: end });
    let page = db.store.feed_after(user.id, old, 10).await.unwrap();
    assert!(matches!(page, FeedPage::Events { events, .. } if events.len() == 4));
}

async fn keys_and_sessions_are_swept(db: &TestDb) {
    use domain::store::SessionStore;
    let user = db.user("a@example.org").await;
    let session = domain::Session {
        session_id: domain::SessionId(db.uuid()),
        user_id: user.id,
        generation: 1,
        user_agent: None,
        created_at: db.now(),
        last_used_at: db.now(),
        expires_at: db.now().plus_millis(10),
    };
    db.store
        .create_session(session, PASSWORD_HASH.to_owned())
        .await
        .unwrap();
    db.store
        .send(SendMessage {
            key: key("k", "b"),
            ..db.message(user.id, "go")
        })
        .await
        .unwrap();
    db.later(IDEMPOTENCY_KEPT_MS + 1);
    let swept = db.store.sweep(db.now()).await.unwrap();
    assert_eq!((swept.keys, swept.sessions), (1, 1));
}

async fn a_user_without_feed_is_not_found(db: &TestDb) {
    let nobody = UserId(4_711);
    assert_eq!(db.store.feed_end(nobody).await, Err(StoreError::NotFound));
    let cursor = Cursor { epoch: 1, seq: 0 };
    assert_eq!(
        db.store.feed_after(nobody, cursor, 10).await,
        Err(StoreError::NotFound)
    );
    assert_eq!(
        db.store.send(db.message(nobody, "go")).await,
        Err(StoreError::NotFound)
    );
}
