//! A fresh database per test, and short words for long calls.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ::store::{OpenOptions, SqlStore};
use async_trait::async_trait;
use domain::event::FeedPage;
use domain::store::{
    Admission, ConversationStore, FeedStore, Finish, IdempotencyKey, ModelStep, PlannedCall,
    Regenerate, RunStore, SendMessage, Sent, UserStore,
};
use domain::user::NewUser;
use domain::*;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

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

    pub async fn user(&self, email: &str) -> User {
        let user = new_user(email, self.now());
        self.store
            .create_user(user, Admission::Granted)
            .await
            .unwrap()
    }

    pub fn message(&self, user_id: UserId, content: &str) -> SendMessage {
        SendMessage {
            user_id,
            key: None,
            client_message_id: None,
            conversation_id: None,
            parent_id: None,
            on_busy: OnBusy::Reject,
            content: content.to_owned(),
            model: None,
            agent_id: None,
            time_zone: None,
            new_conversation_id: ConversationId(self.uuid()),
            new_run_id: RunId(self.uuid()),
            now: self.now(),
        }
    }

    pub async fn send(&self, user_id: UserId, content: &str) -> Sent {
        self.store
            .send(self.message(user_id, content))
            .await
            .unwrap()
    }

    pub async fn send_to(&self, conversation: &Sent, content: &str) -> Sent {
        let run = &conversation.run;
        let conversation_id = Some(run.conversation_id);
        let send = SendMessage {
            conversation_id,
            ..self.message(run.user_id, content)
        };
        self.store.send(send).await.unwrap()
    }

    /// Another answer beside the one of this run.
    pub fn regenerate(&self, sent: &Sent) -> Regenerate {
        Regenerate {
            user_id: sent.run.user_id,
            key: None,
            conversation_id: sent.run.conversation_id,
            message_id: sent.ai_message.id,
            model: None,
            new_run_id: RunId(self.uuid()),
            now: self.now(),
        }
    }

    /// A message beside an active run.
    pub async fn send_beside(&self, run: &Run, content: &str, on_busy: OnBusy) -> Sent {
        let send = SendMessage {
            conversation_id: Some(run.conversation_id),
            on_busy,
            ..self.message(run.user_id, content)
        };
        self.store.send(send).await.unwrap()
    }

    pub async fn claim(&self) -> Run {
        let runs = self.store.claim(NODE, self.now(), 1, false).await.unwrap();
        runs.into_iter().next().unwrap()
    }

    /// A message, claimed, with its answer begun.
    pub async fn started(&self, user_id: UserId, content: &str) -> (Sent, Fence) {
        let sent = self.send(user_id, content).await;
        let fence = fence(&self.claim().await);
        self.store
            .begin_answer(fence, None, self.now())
            .await
            .unwrap();
        (sent, fence)
    }

    /// A whole turn: question and answer.
    pub async fn turn(&self, user_id: UserId, before: Option<&Sent>, answer: &str) -> Sent {
        let sent = match before {
            Some(before) => self.send_to(before, &format!("ask {answer}")).await,
            None => self.send(user_id, &format!("ask {answer}")).await,
        };
        let fence = fence(&self.claim().await);
        self.store
            .begin_answer(fence, None, self.now())
            .await
            .unwrap();
        self.store
            .finish(fence, self.completed(answer))
            .await
            .unwrap();
        self.store.sent(user_id, sent.run.run_id).await.unwrap()
    }

    pub fn completed(&self, text: &str) -> Finish {
        Finish {
            state: RunState::Completed,
            message_status: MessageStatus::Complete,
            text: Some(text.to_owned()),
            reasoning: None,
            usage: Usage {
                prompt_tokens: 3,
                completion_tokens: 4,
            },
            error: None,
            additional_data: json!({ "model": "test/model" }),
            now: self.now(),
        }
    }

    pub fn model_step(&self, message_id: MessageId, calls: Vec<PlannedCall>) -> ModelStep {
        ModelStep {
            message_id,
            text: "let me see".to_owned(),
            reasoning: String::new(),
            calls,
            finish: FinishReason::ToolCalls,
            usage: Usage {
                prompt_tokens: 10,
                completion_tokens: 2,
            },
            additional_data: json!({ "model": "test/model" }),
            now: self.now(),
        }
    }

    pub fn call(&self, name: &str, class: ToolClass, approval: bool) -> PlannedCall {
        let call_id = CallId(self.uuid());
        PlannedCall {
            call: ToolCall {
                call_id,
                provider_id: format!("provider-{call_id}"),
                name: name.to_owned(),
                arguments: json!({ "of": name }),
            },
            class,
            approval: approval.then(|| (ApprovalId(self.uuid()), format!("hash of {name}"))),
            refused: None,
        }
    }

    /// Every event of the user's feed.
    pub async fn feed(&self, user_id: UserId) -> Vec<Arc<Event>> {
        let end = self.store.feed_end(user_id).await.unwrap();
        let (mut all, mut cursor) = (Vec::new(), Cursor { seq: 0, ..end });
        loop {
            let page = self.store.feed_after(user_id, cursor, 100_000).await;
            let FeedPage::Events { events, end, more } = page.unwrap() else {
                panic!("a feed can be read from its beginning")
            };
            all.extend(events);
            if !more {
                return all;
            }
            cursor = end;
        }
    }

    pub async fn kinds_after(&self, user_id: UserId, seq: i64) -> Vec<&'static str> {
        let feed = self.feed(user_id).await;
        feed.iter()
            .filter(|event| event.seq > seq)
            .map(|event| event.body.kind())
            .collect()
    }

    pub async fn latest(&self, sent: &Sent) -> Vec<Message> {
        let (user_id, id) = (sent.run.user_id, sent.run.conversation_id);
        self.store
            .messages(user_id, id, domain::message::Window::Latest, 200)
            .await
            .unwrap()
            .messages
    }
}

pub fn fence(run: &Run) -> Fence {
    Fence {
        run_id: run.run_id,
        fence: run.fence,
    }
}

pub fn key(key: &str, body: &str) -> Option<IdempotencyKey> {
    Some(IdempotencyKey {
        key: key.to_owned(),
        body_hash: body.to_owned(),
    })
}

pub fn new_user(email: &str, now: Timestamp) -> NewUser {
    NewUser {
        email: email.to_owned(),
        full_name: "Somebody".to_owned(),
        password_hash: PASSWORD_HASH.to_owned(),
        role: UserRole::User,
        now,
    }
}

pub fn text_delta(message_id: MessageId, revision: i64, offset: usize, text: &str) -> Delta {
    Delta {
        message_id,
        revision,
        channel: DeltaChannel::Text,
        offset: i64::try_from(offset).unwrap(),
        text: text.to_owned(),
    }
}

pub fn conflict<T: std::fmt::Debug>(result: StoreResult<T>) -> &'static str {
    match result {
        Err(StoreError::Conflict { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}
