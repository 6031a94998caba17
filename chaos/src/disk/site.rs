//! Where a trial happens: a copy of a data directory that was used before, and a server on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;
use testkit::process::Binary;
use testkit::{Client, ScriptedModel, TestDatabase};

use crate::database::Database;
use crate::programs;

pub const EMAIL: &str = "user@example.org";

/// A data directory after a first day: an account, a conversation, a clean stop. Made once, copied
/// for each trial, so that a trial costs neither migrations nor password hashes. A database on
/// PostgreSQL is not copied: it serves one trial.
pub struct Template {
    folder: TempDir,
    database: TestDatabase,
    pub model: Arc<ScriptedModel>,
    /// Of the account; good for the time of the trials.
    token: String,
    pub conversation: String,
}

/// A data directory of a trial's own, and its log beside it.
pub struct Site {
    folder: TempDir,
    pub data_dir: PathBuf,
    database: TestDatabase,
    model: Arc<ScriptedModel>,
    token: String,
    pub conversation: String,
}

fn binary(data_dir: &Path, database: &TestDatabase, model: &ScriptedModel) -> Binary {
    let binary = Binary::new(programs::rejoinder(), data_dir)
        .arg("--model", "openai/scripted")
        .env("OPENAI_API_KEY", "sk-test")
        .env("OPENAI_BASE_URL", &model.base_url());
    match database {
        // Found in the data directory.
        TestDatabase::Sqlite => binary,
        TestDatabase::Postgres { url } => binary.arg("--database-url", url),
    }
}

impl Template {
    pub async fn make() -> Self {
        Self::on(TestDatabase::sqlite()).await
    }

    /// On a new database.
    pub async fn on(database: TestDatabase) -> Self {
        let model = Arc::new(ScriptedModel::start().await);
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        std::fs::create_dir(&data_dir).unwrap();
        // What is under test is neither the rate limit nor patience.
        let config = "send_rate_per_minute = 100000\ndrain_seconds = 1\n";
        std::fs::write(data_dir.join("rejoinder.toml"), config).unwrap();
        let server = binary(&data_dir, &database, &model).start().await;
        let client = Client::new(&server.url);
        client.register(EMAIL).await;
        let first = json!({"content": "first [[script: tokens=5]]"});
        let answer = client.send(first).await.expect(200);
        let conversation = answer["conversation_id"].as_str().unwrap().to_owned();
        assert!(server.terminate().await.success());
        Self {
            token: client.token().unwrap(),
            folder,
            database,
            model,
            conversation,
        }
    }

    pub fn site(&self) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        std::fs::create_dir(&data_dir).unwrap();
        self.site_at(folder, data_dir)
    }

    /// In a directory that is there already.
    pub fn site_at(&self, folder: TempDir, data_dir: PathBuf) -> Site {
        let mut names = vec!["secret.key", "rejoinder.toml"];
        if self.database.is_sqlite() {
            names.push("rejoinder.db");
        }
        for name in names {
            let from = self.folder.path().join("data").join(name);
            // With its mode: a key that others can read stops the start.
            std::fs::copy(from, data_dir.join(name)).unwrap();
        }
        Site {
            folder,
            data_dir,
            database: self.database.clone(),
            model: Arc::clone(&self.model),
            token: self.token.clone(),
            conversation: self.conversation.clone(),
        }
    }
}

impl Site {
    #[must_use]
    pub fn binary(&self) -> Binary {
        binary(&self.data_dir, &self.database, &self.model)
    }

    /// To be looked into beside the server.
    #[must_use]
    pub fn database(&self) -> Database {
        Database::of(&self.database, &self.data_dir)
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Signed in.
    #[must_use]
    pub fn client(&self, url: &str) -> Client {
        let client = Client::new(url);
        client.set_token(Some(self.token.clone()));
        client
    }
}
