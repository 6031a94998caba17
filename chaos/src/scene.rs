//! What a promise is usually tried on: the real binary with a scripted model, on a database of its
//! own.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use testkit::process::Binary;
use testkit::{Client, ScriptedModel};

use crate::database::{Database, Kind};
use crate::programs;

pub struct Scene {
    pub model: ScriptedModel,
    pub database: Database,
    folder: TempDir,
}

impl Scene {
    /// `config` is the text of `rejoinder.toml`.
    pub async fn new(kind: Kind, config: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("rejoinder-chaos-")
            .tempdir()
            .unwrap();
        let data_dir = folder.path().join("data");
        std::fs::create_dir(&data_dir).unwrap();
        std::fs::write(data_dir.join("rejoinder.toml"), config).unwrap();
        Self {
            model: ScriptedModel::start().await,
            database: Database::of(&kind.fresh().await, &data_dir),
            folder,
        }
    }

    /// The ordinary binary, to be started as often as one likes.
    #[must_use]
    pub fn binary(&self) -> Binary {
        self.node("data", &self.model)
    }

    /// The same on the same database, with another data directory and another model.
    #[must_use]
    pub fn node(&self, name: &str, model: &ScriptedModel) -> Binary {
        Binary::new(programs::rejoinder(), &self.data_dir(name))
            .arg("--database-url", self.database.url())
            .arg("--model", "openai/scripted")
            .arg("--registration", "open")
            .env("OPENAI_API_KEY", "sk-test")
            .env("OPENAI_BASE_URL", &model.base_url())
    }

    /// Holds the data directories, the servers' logs beside them, and what a test adds.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves the folder for whoever wants to look.
    #[must_use]
    pub fn keep(self) -> PathBuf {
        self.folder.keep()
    }

    fn data_dir(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The text of every revision of a message: superseded ones first, the present one last.
pub async fn revisions(client: &Client, conversation: &str, message: i64) -> Vec<String> {
    let path = format!("/chat/conversations/{conversation}/messages");
    let before = client.get(&format!("{path}/{message}/revisions")).await;
    let now = client.messages(conversation).await;
    let content = |value: &serde_json::Value| value["content"].as_str().unwrap().to_owned();
    let before = before.expect(200);
    before["revisions"]
        .as_array()
        .unwrap()
        .iter()
        .chain(now.iter().filter(|found| found["id"] == message))
        .map(content)
        .collect()
}
