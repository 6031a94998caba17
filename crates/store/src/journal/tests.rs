//! A full disk, a panic, and how durable a batch is.

use std::sync::Arc;

use domain::conversation::NewConversation;
use domain::store::{Admission, ConversationStore, Health, Maintenance, UserStore};
use domain::user::NewUser;
use domain::{
    Bus, Clock, ConversationId, Event, Signal, StoreError, StoreResult, Subscription, Timestamp,
    UserId, UserRole,
};

use crate::sql::Sql;
use crate::tx::Tx;
use crate::{OpenOptions, SqlStore};

struct Nobody;

impl Clock for Nobody {
    fn now(&self) -> Timestamp {
        Timestamp(1)
    }
}

#[async_trait::async_trait]
impl Subscription for Nobody {
    async fn wake(&mut self) -> domain::Wake {
        std::future::pending().await
    }
}

impl Bus for Nobody {
    fn publish(&self, _: &[Arc<Event>]) {}
    fn signal(&self, _: Signal) {}
    fn subscribe(&self, _: UserId) -> Box<dyn Subscription> {
        Box::new(Self)
    }
    fn signals(&self) -> Box<dyn Subscription> {
        Box::new(Self)
    }
    fn tail(&self, _: UserId, _: i64, _: i64, _: usize) -> Option<Vec<Arc<Event>>> {
        None
    }
}

async fn store(dir: &tempfile::TempDir) -> SqlStore {
    let options = OpenOptions {
        database_url: String::new(),
        data_dir: dir.path().to_owned(),
        bus: Arc::new(Nobody),
        clock: Arc::new(Nobody),
        serving: true,
        boot_id: None,
    };
    SqlStore::open(options).await.unwrap()
}

async fn pragma(store: &SqlStore, sqlite: &'static str) {
    async fn execute(tx: &mut Tx, sqlite: &'static str) -> StoreResult<()> {
        tx.maybe(
            Sql {
                sqlite,
                postgres: "",
            },
            Vec::new(),
        )
        .await
        .map(|_| ())
    }
    store
        .db
        .write(sqlite, |tx, sql| Box::pin(execute(tx, sql)))
        .await
        .unwrap();
}

fn large(n: usize) -> NewUser {
    NewUser {
        email: format!("u{n}@example.org"),
        full_name: "x".repeat(200_000),
        password_hash: String::new(),
        role: UserRole::User,
        now: Timestamp(1),
    }
}

#[tokio::test]
async fn a_full_disk_is_said_and_forgotten_when_space_returns() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir).await;
    pragma(&store, "PRAGMA max_page_count = 200").await;
    let writes = (0..10).map(|n| store.create_user(large(n), Admission::Open));
    let outcomes = futures::future::join_all(writes).await;
    let kept = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(kept < 10);
    for refused in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert!(matches!(refused, StoreError::NotWritable(_)), "{refused:?}");
    }
    assert!(matches!(store.health(), Health::NotWritable(_)));
    // Reads go on, and show what was acknowledged, nothing else.
    assert_eq!(store.users(UserId(0), 100).await.unwrap().len(), kept);
    pragma(&store, "PRAGMA max_page_count = 100000").await;
    assert_eq!(store.probe().await, Health::Ready);
    store.create_user(large(77), Admission::Open).await.unwrap();
    assert_eq!(store.check_integrity().await.unwrap(), Vec::<String>::new());
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_panic_is_one_members_own() {
    async fn panicking(_: &mut Tx, (): ()) -> StoreResult<()> {
        panic!("on purpose");
    }
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir).await;
    let (bad, good) = futures::future::join(
        store.db.write((), |tx, unit| Box::pin(panicking(tx, unit))),
        store.create_user(large(1), Admission::Open),
    )
    .await;
    assert!(matches!(bad, Err(StoreError::Internal(_))), "{bad:?}");
    good.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn durability_follows_what_is_in_the_batch() {
    async fn synchronous(tx: &mut Tx, (): ()) -> StoreResult<i64> {
        let sql = Sql {
            sqlite: "PRAGMA synchronous",
            postgres: "",
        };
        tx.one(sql, Vec::new()).await?.get("synchronous")
    }
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir).await;
    let level = || {
        store
            .db
            .write((), |tx, unit| Box::pin(synchronous(tx, unit)))
    };
    assert_eq!(level().await.unwrap(), 2);
    // A batch of deltas alone lowers it; the next write raises it again.
    let fence = domain::Fence {
        run_id: domain::RunId(uuid::Uuid::nil()),
        fence: 1,
    };
    let lost = domain::store::RunStore::append_deltas(&store, fence, vec![], Timestamp(1)).await;
    assert_eq!(lost, Err(StoreError::FenceLost));
    assert_eq!(level().await.unwrap(), 2);
    store.close().await.unwrap();
}

/// Deleted bytes are scrubbed from the WAL although a write of the same batch was refused.
#[tokio::test]
async fn a_refusal_does_not_keep_what_another_has_deleted() {
    const CANARY: &[u8] = b"a-title-that-must-not-stay";
    async fn hold(_: &mut Tx, release: Arc<tokio::sync::Notify>) -> StoreResult<()> {
        release.notified().await;
        Ok(())
    }
    async fn refused(_: &mut Tx, (): ()) -> StoreResult<()> {
        Err(StoreError::NotFound)
    }
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir).await;
    let user = store.create_user(large(1), Admission::Open).await.unwrap();
    let title = String::from_utf8(CANARY.to_vec()).unwrap();
    let new = NewConversation {
        conversation_id: ConversationId(uuid::Uuid::from_u128(1)),
        title: Some(title),
        model: None,
        now: Timestamp(1),
    };
    let made = store.create_conversation(user.id, new, None).await.unwrap();
    // What comes while the writer is busy is committed together.
    let release = Arc::new(tokio::sync::Notify::new());
    let held = store
        .db
        .write(Arc::clone(&release), |tx, args| Box::pin(hold(tx, args)));
    let batch = async {
        tokio::task::yield_now().await;
        let deleted = store.delete_conversation(user.id, made.conversation_id);
        let refused = store.db.write((), |tx, unit| Box::pin(refused(tx, unit)));
        let let_go = async {
            tokio::task::yield_now().await;
            release.notify_one();
        };
        futures::join!(deleted, refused, let_go)
    };
    let (held, (deleted, refused, ())) = futures::join!(held, batch);
    held.unwrap();
    deleted.unwrap();
    assert_eq!(refused, Err(StoreError::NotFound));
    for _ in 0..400 {
        let wal = std::fs::read(dir.path().join("rejoinder.db-wal")).unwrap();
        if !wal.windows(CANARY.len()).any(|bytes| bytes == CANARY) {
            store.close().await.unwrap();
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("it is still in the log");
}
