//! Where a trial happens: a copy of a data directory that was used before, and a server on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;
use testkit::process::Binary;
use testkit::{Client, ScriptedModel};

use crate::programs;

pub const EMAIL: &str = "user@example.org";

/// A data directory after a first day: an account, a conversation, a clean stop. Made once, copied
/// for each trial, so that a trial costs neither migrations nor password hashes.
pub struct Template {
    folder: TempDir,
    pub model: Arc<ScriptedModel>,
    /// Of the account; good for the time of the trials.
    token: String,
    pub conversation: String,
}

/// A data directory of a trial's own, and its log beside it.
pub struct Site {
    folder: TempDir,
    pub data_dir: PathBuf,
    model: Arc<ScriptedModel>,
    token: String,
    pub conversation: String,
}

fn binary(data_dir: &Path, model: &ScriptedModel) -> Binary {
    Binary::new(programs::rejoinder(), data_dir)
        .arg("--model", "openai/scripted")
        .env("OPENAI_API_KEY", "sk-test")
        .env("OPENAI_BASE_URL", &model.base_url())
}

impl Template {
    pub async fn make() -> Self {
        let model = Arc::new(ScriptedModel::start().await);
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        std::fs::create_dir(&data_dir).unwrap();
        // What is under test is neither the rate limit nor patience.
        let config = "send_rate_per_minute = 100000\ndrain_seconds = 1\n";
        std::fs::write(data_dir.join("rejoinder.toml"), config).unwrap();
        let server = binary(&data_dir, &model).start().await;
        let client = Client::new(&server.url);
        client.register(EMAIL).await;
        let first = json!({"content": "first [[script: tokens=5]]"});
        let answer = client.send(first).await.expect(200);
        let conversation = answer["conversation_id"].as_str().unwrap().to_owned();
        assert!(server.terminate().await.success());
        Self {
            token: client.token().unwrap(),
            folder,
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
        for name in ["rejoinder.db", "secret.key", "rejoinder.toml"] {
            let from = self.folder.path().join("data").join(name);
            // With its mode: a key that others can read stops the start.
            std::fs::copy(from, data_dir.join(name)).unwrap();
        }
        Site {
            folder,
            data_dir,
            model: Arc::clone(&self.model),
            token: self.token.clone(),
            conversation: self.conversation.clone(),
        }
    }
}

impl Site {
    #[must_use]
    pub fn binary(&self) -> Binary {
        binary(&self.data_dir, &self.model)
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
