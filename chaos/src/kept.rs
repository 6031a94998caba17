//! Databases of earlier schemas, to be upgraded.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::{Value, json};
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tempfile::TempDir;
use testkit::process::{Binary, Server};
use testkit::{Client, ScriptedModel};

use crate::Database;
use crate::database::Kind;
use crate::programs;

const EMAIL: &str = "kept@example.org";

/// What its first conversation holds, whatever the schema: role, status, content.
const MESSAGES: [(&str, &str, &str); 9] = [
    (
        "user",
        "complete",
        "a question with äöü and 🦀 [[script: tokens=12]]",
    ),
    (
        "assistant",
        "complete",
        "tok0 tok1 tok2 tok3 tok4 tok5 tok6 tok7 tok8 tok9 tok10 tok11",
    ),
    (
        "user",
        "complete",
        "remember the milk [[script: tool=todo_add args={\"title\":\"milk\"} tokens=5]]",
    ),
    ("assistant", "complete", ""),
    ("assistant", "complete", "{\"title\":\"milk\"}"),
    (
        "tool",
        "complete",
        "{\"id\":1,\"title\":\"milk\",\"done\":false,\"due_at\":null}",
    ),
    ("assistant", "complete", "tok0 tok1 tok2 tok3 tok4"),
    (
        "user",
        "complete",
        "this one fails [[script: tokens=9 fault=error@4]]",
    ),
    ("assistant", "failed", "tok0 tok1 tok2 tok3"),
];

/// A data directory whose database is as some schema left it.
pub struct Kept {
    folder: TempDir,
    pub data_dir: PathBuf,
    pub database: Database,
    kind: Kind,
    model: ScriptedModel,
}

/// Numbers of all migrations.
#[must_use]
pub fn versions() -> Vec<i64> {
    let mut versions: Vec<i64> = std::fs::read_dir(migrations(Kind::Sqlite))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.split('_').next()?.parse().ok())
        .collect();
    versions.sort_unstable();
    versions
}

fn migrations(kind: Kind) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../crates/store/migrations")
        .join(kind.name())
}

impl Kept {
    /// Nothing in it.
    pub async fn empty(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        std::fs::create_dir(&data_dir).unwrap();
        let database = Database::of(&kind.fresh().await, &data_dir);
        Self {
            folder,
            data_dir,
            database,
            kind,
            model: ScriptedModel::start().await,
        }
    }

    /// The first schema after a day of use, and then every migration up to this one.
    pub async fn of(kind: Kind, version: i64) -> Self {
        let kept = Self::empty(kind).await;
        let dump = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("fixtures/0001.{}.sql", kind.name()));
        let dump = AssertSqlSafe(std::fs::read_to_string(dump).unwrap());
        let migrator = Migrator::new(migrations(kind)).await.unwrap();
        match kind {
            Kind::Sqlite => {
                let options = SqliteConnectOptions::from_str(kept.database.url()).unwrap();
                // Rows come in the order of the dump.
                let options = options.create_if_missing(true).foreign_keys(false);
                let mut db = options.connect().await.unwrap();
                sqlx::raw_sql(dump).execute(&mut db).await.unwrap();
                migrator.run_to(version, &mut db).await.unwrap();
                db.close().await.unwrap();
            }
            Kind::Postgres => {
                let mut db = kept.postgres().await;
                sqlx::raw_sql(dump).execute(&mut db).await.unwrap();
                db.close().await.unwrap();
                // The dump leaves its connection without a search path.
                let mut db = kept.postgres().await;
                migrator.run_to(version, &mut db).await.unwrap();
                db.close().await.unwrap();
            }
        }
        kept
    }

    /// A connection of the test's own.
    pub async fn postgres(&self) -> PgConnection {
        PgConnection::connect(self.database.url()).await.unwrap()
    }

    /// Runs one statement that both databases understand.
    pub async fn execute(&self, sql: &'static str) {
        match self.kind {
            Kind::Sqlite => {
                let options = SqliteConnectOptions::from_str(self.database.url()).unwrap();
                let mut db = options.connect().await.unwrap();
                sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
                db.close().await.unwrap();
            }
            Kind::Postgres => {
                let mut db = self.postgres().await;
                sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
                db.close().await.unwrap();
            }
        }
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    #[must_use]
    pub fn binary(&self) -> Binary {
        Binary::new(programs::rejoinder(), &self.data_dir)
            .arg("--database-url", self.database.url())
            .arg("--model", "openai/scripted")
            .env("OPENAI_API_KEY", "sk-test")
            .env("OPENAI_BASE_URL", &self.model.base_url())
    }

    /// Through the API, everything that was kept; and that the conversation goes on.
    pub async fn reads_back(&self, server: &Server) {
        let client = Client::new(&server.url);
        client.login(EMAIL).await;
        let conversations = client.conversations().await;
        assert_eq!(conversations.len(), 2);
        let conversation = conversations.iter().find(|c| c["title"] == "Kept").unwrap();
        let id = conversation["conversation_id"].as_str().unwrap();
        let messages = client.messages(id).await;
        let text = |message: &Value, name: &str| message[name].as_str().unwrap().to_owned();
        let found: Vec<_> = messages
            .iter()
            .map(|m| (text(m, "role"), text(m, "status"), text(m, "content")))
            .collect();
        let expected: Vec<_> = MESSAGES
            .iter()
            .map(|(role, status, content)| {
                (
                    (*role).to_owned(),
                    (*status).to_owned(),
                    (*content).to_owned(),
                )
            })
            .collect();
        assert_eq!(found, expected);
        let todos = client.get("/todos").await.expect(200);
        assert_eq!(todos["todos"][0]["title"], "milk");
        assert_eq!(todos["todos"].as_array().unwrap().len(), 1);
        let more = json!({"content": "and now [[script: tokens=4]]", "conversation_id": id});
        client.send(more).await.expect(200);
        assert_eq!(client.messages(id).await.len(), MESSAGES.len() + 2);
        assert_eq!(self.database.contradictions().await, Vec::<String>::new());
    }
}
