//! A fresh database per test.

mod words;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ::store::{OpenOptions, SqlStore};
use async_trait::async_trait;
use domain::*;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

pub use words::{conflict, fence, key, new_user, text_delta};

/// Runs each test on every database that is there.
macro_rules! for_each_database {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let db = $crate::support::TestDb::sqlite().await;
                super::$name(&db).await;
                db.end().await;
            }
        )+}
        mod postgres {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(db) = $crate::support::TestDb::postgres().await {
                    super::$name(&db).await;
                    db.end().await;
                }
            }
        )+}
    };
}
pub(crate) use for_each_database;

/// Of every new user.
pub const PASSWORD_HASH: &str = "$argon2id$";
pub const NODE: NodeId = NodeId(Uuid::from_u128(0xA));
pub const OTHER_NODE: NodeId = NodeId(Uuid::from_u128(0xB));

#[derive(Default)]
pub struct TestBus {
    pub events: Mutex<Vec<Arc<Event>>>,
    pub signals: Mutex<Vec<Signal>>,
    pub signalled: tokio::sync::Notify,
}

struct Silent;

#[async_trait]
impl Subscription for Silent {
    async fn wake(&mut self) -> Wake {
        std::future::pending().await
    }
}

impl Bus for TestBus {
    fn publish(&self, events: &[Arc<Event>]) {
        self.events.lock().unwrap().extend(events.iter().cloned());
    }
    fn signal(&self, signal: Signal) {
        self.signals.lock().unwrap().push(signal);
        self.signalled.notify_one();
    }
    fn subscribe(&self, _: UserId) -> Box<dyn Subscription> {
        Box::new(Silent)
    }
    fn signals(&self) -> Box<dyn Subscription> {
        Box::new(Silent)
    }
    fn tail(&self, _: UserId, _: i64, _: i64, _: usize) -> Option<Vec<Arc<Event>>> {
        None
    }
}

pub struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

pub struct TestDb {
    pub store: SqlStore,
    pub bus: Arc<TestBus>,
    pub clock: Arc<TestClock>,
    pub url: String,
    pub dir: tempfile::TempDir,
    admin_url: Option<String>,
    next: AtomicU64,
}

impl TestDb {
    pub async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("test.db").display());
        Self::open(dir, url, None).await
    }

    /// A database of its own on the server that the environment names.
    #[expect(
        clippy::disallowed_methods,
        reason = "the harness tells tests where Postgres is"
    )]
    pub async fn postgres() -> Option<Self> {
        let Ok(admin_url) = std::env::var("REJOINDER_TEST_POSTGRES_URL") else {
            println!("REJOINDER_TEST_POSTGRES_URL is not set: only SQLite was tested");
            return None;
        };
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::SeqCst);
        let name = format!("rejoinder_store_{}_{count}", std::process::id());
        let mut admin = PgConnection::connect(&admin_url).await.unwrap();
        for sql in [
            format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            format!("CREATE DATABASE {name}"),
        ] {
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut admin)
                .await
                .unwrap();
        }
        let (server, _) = admin_url.rsplit_once('/').unwrap();
        let url = format!("{server}/{name}");
        Some(Self::open(tempfile::tempdir().unwrap(), url, Some(admin_url)).await)
    }

    async fn open(dir: tempfile::TempDir, url: String, admin_url: Option<String>) -> Self {
        let bus = Arc::new(TestBus::default());
        let clock = Arc::new(TestClock(AtomicI64::new(1_000_000)));
        let options = OpenOptions {
            database_url: url.clone(),
            data_dir: dir.path().to_owned(),
            bus: bus.clone(),
            clock: clock.clone(),
            serving: true,
            boot_id: Some("boot-1".to_owned()),
        };
        let store = SqlStore::open(options).await.unwrap();
        Self {
            store,
            bus,
            clock,
            url,
            dir,
            admin_url,
            next: AtomicU64::new(1),
        }
    }

    /// Another process on the same database.
    pub async fn another(&self, serving: bool, boot_id: &str) -> (SqlStore, Arc<TestBus>) {
        let bus = Arc::new(TestBus::default());
        let options = OpenOptions {
            database_url: self.url.clone(),
            data_dir: self.dir.path().to_owned(),
            bus: bus.clone(),
            clock: self.clock.clone(),
            serving,
            boot_id: Some(boot_id.to_owned()),
        };
        (SqlStore::open(options).await.unwrap(), bus)
    }

    pub async fn end(self) {
        use domain::store::Maintenance;
        assert_eq!(
            self.store.check_integrity().await.unwrap_or_default(),
            Vec::<String>::new()
        );
        self.store.close().await.unwrap();
        if let Some(admin_url) = self.admin_url {
            let (_, name) = self.url.rsplit_once('/').unwrap();
            let mut admin = PgConnection::connect(&admin_url).await.unwrap();
            let sql = format!("DROP DATABASE {name} WITH (FORCE)");
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut admin)
                .await
                .unwrap();
        }
    }

    /// Statements past the store, on a connection of their own.
    pub async fn raw(&self, sql: String) {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql));
        if self.is_sqlite() {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
            sql.execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        } else {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            sql.execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }

    pub fn is_sqlite(&self) -> bool {
        self.admin_url.is_none()
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn later(&self, millis: i64) -> Timestamp {
        Timestamp(self.clock.0.fetch_add(millis, Ordering::SeqCst) + millis)
    }

    pub fn uuid(&self) -> Uuid {
        let next = self.next.fetch_add(1, Ordering::SeqCst);
        Uuid::from_u128((0x7000_8000_u128 << 48) | u128::from(next))
    }
}
