//! Databases of earlier schemas, to be upgraded: one dump per schema and database in `fixtures`, each
//! with what only its migration made possible. [`make`] is how they came to be.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use tempfile::TempDir;
use testkit::process::{Binary, Server};
use testkit::{Client, ScriptedModel, Witness};

use crate::Database;
use crate::database::Kind;
use crate::programs;
use crate::rig::poll;

mod age;
mod first_day;
mod keys;
pub mod make;
mod outcomes;
mod queue;
mod schema;

const EMAIL: &str = "kept@example.org";

/// A data directory whose database is as some schema left it.
pub struct Kept {
    folder: TempDir,
    pub data_dir: PathBuf,
    pub database: Database,
    kind: Kind,
    /// Of the dump; 0 is an empty database.
    version: i64,
    model: ScriptedModel,
    witness: Witness,
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

fn fixture(kind: Kind, version: i64) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(format!("{version:04}.{}.sql", kind.name()))
}

impl Kept {
    /// Nothing in it.
    pub async fn empty(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        std::fs::create_dir(&data_dir).unwrap();
        let database = Database::of(&kind.fresh().await, &data_dir);
        let (model, witness) = (ScriptedModel::start().await, Witness::start().await);
        // One tool that asks, and one that does not.
        let tool = |name, policy| {
            format!(
                "[[tools]]\nname = \"{name}\"\ndescription = \"Sends money\"\n\
                 schema = {{ type = \"object\" }}\nmethod = \"POST\"\nurl = \"{}/{name}\"\n\
                 class = \"effectful\"\npolicy = \"{policy}\"\n",
                witness.url()
            )
        };
        let config = tool("pay", "ask") + &tool("wire", "allow");
        std::fs::write(data_dir.join("rejoinder.toml"), config).unwrap();
        Self {
            folder,
            data_dir,
            database,
            kind,
            version: 0,
            model,
            witness,
        }
    }

    /// As the program of that schema left it when it was killed, a minute ago.
    pub async fn of(kind: Kind, version: i64) -> Self {
        let mut kept = Self::empty(kind).await;
        kept.version = version;
        let dump = AssertSqlSafe(std::fs::read_to_string(fixture(kind, version)).unwrap());
        match kind {
            Kind::Sqlite => {
                // Rows come in the order of the dump.
                let mut db = kept.sqlite(false).await;
                sqlx::raw_sql(dump).execute(&mut db).await.unwrap();
                db.close().await.unwrap();
            }
            Kind::Postgres => {
                let mut db = kept.postgres().await;
                sqlx::raw_sql(dump).execute(&mut db).await.unwrap();
                // The dump leaves its connection without a search path.
                db.close().await.unwrap();
            }
        }
        kept.move_times(60_000).await;
        // Half an answer was written when it was killed; the rest is at hand now.
        kept.model.gate(queue::GATE).open();
        kept
    }

    /// Nothing in it but the tables of this schema.
    pub async fn tables(kind: Kind, version: i64) -> Self {
        let kept = Self::empty(kind).await;
        let migrator = Migrator::new(migrations(kind)).await.unwrap();
        match kind {
            Kind::Sqlite => {
                let mut db = kept.sqlite(true).await;
                migrator.run_to(version, &mut db).await.unwrap();
                db.close().await.unwrap();
            }
            Kind::Postgres => {
                let mut db = kept.postgres().await;
                migrator.run_to(version, &mut db).await.unwrap();
                db.close().await.unwrap();
            }
        }
        kept
    }

    async fn sqlite(&self, foreign_keys: bool) -> SqliteConnection {
        let options = SqliteConnectOptions::from_str(self.database.url()).unwrap();
        let options = options.create_if_missing(true).foreign_keys(foreign_keys);
        options.connect().await.unwrap()
    }

    /// A connection of the test's own.
    pub async fn postgres(&self) -> PgConnection {
        PgConnection::connect(self.database.url()).await.unwrap()
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

    /// Through the API, everything that was kept; and that it is good for what it was good for.
    pub async fn reads_back(&self, server: &Server) {
        let client = Client::new(&server.url);
        client.login(EMAIL).await;
        if self.version >= 2 {
            queue::check(self, &client).await;
        }
        if self.version >= 3 {
            outcomes::check(self, &client).await;
        }
        if self.version >= 4 {
            keys::check(&client).await;
        }
        first_day::check(&client).await;
        let mut found = self.database.contradictions().await;
        // Their user asked for another answer, and had a call made again.
        found.retain(|what| self.version < 3 || !what.starts_with("message answered by two runs"));
        assert_eq!(found, Vec::<String>::new());
    }
}

/// `role status: content` of each message.
fn texts(messages: &[Value]) -> Vec<String> {
    let text = |m: &Value, name: &str| m[name].as_str().unwrap().to_owned();
    let line = |m| {
        format!(
            "{} {}: {}",
            text(m, "role"),
            text(m, "status"),
            text(m, "content")
        )
    };
    messages.iter().map(line).collect()
}

/// The conversation of this title.
async fn conversation(client: &Client, title: &str) -> String {
    let all = client.conversations().await;
    let mut titled = all.iter().filter(|c| c["title"] == title);
    let found = titled
        .next()
        .unwrap_or_else(|| panic!("no {title:?}: {all:#?}"));
    assert!(titled.next().is_none(), "two of {title:?}");
    found["conversation_id"].as_str().unwrap().to_owned()
}

/// A new conversation with this message. Answers its id and the run's.
async fn begin(client: &Client, content: &str) -> (String, String) {
    let body = json!({"content": content});
    let sent = client.try_send_async(&body).await.unwrap().expect(202);
    let text = |name: &str| sent[name].as_str().unwrap().to_owned();
    (text("conversation_id"), text("run_id"))
}

async fn name(client: &Client, conversation: &str, title: &str) {
    let path = format!("/chat/conversations/{conversation}");
    client
        .patch(&path, json!({"title": title}))
        .await
        .expect(200);
}

async fn ended(client: &Client, run: &str) {
    poll("the end of a run", Duration::from_secs(30), async || {
        let found = client.get(&format!("/chat/runs/{run}")).await.expect(200);
        let over = ["completed", "cancelled"].contains(&found["state"].as_str().unwrap());
        over.then_some(())
    })
    .await;
}
