//! A server of the real binary with its scripted model, its database and its accounts.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::process::{Binary, Server};
use testkit::{Client, FakeTime, ScriptedModel};

use crate::database::{Database, Kind};
use crate::programs;

/// Everything but the process, so that it can be started again.
pub struct Rig {
    pub model: ScriptedModel,
    pub database: Database,
    pub binary: Binary,
    pub clock: Option<FakeTime>,
    folder: TempDir,
}

impl Rig {
    /// `toml` is added to the configuration; `MODEL_URL` in it becomes the scripted model's.
    pub async fn new(kind: Kind, toml: &str) -> Self {
        Self::build(kind, toml, false).await
    }

    /// With a clock that a test moves forward.
    pub async fn with_clock(kind: Kind, toml: &str) -> Self {
        Self::build(kind, toml, true).await
    }

    async fn build(kind: Kind, toml: &str, faked: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        std::fs::create_dir(&data_dir).unwrap();
        let model = ScriptedModel::start().await;
        // What is under test here is never the rate limit.
        let toml = toml.replace("MODEL_URL", &model.base_url());
        let toml = format!("send_rate_per_minute = 100000\n{toml}");
        std::fs::write(data_dir.join("rejoinder.toml"), toml).unwrap();
        let database = Database::of(&kind.fresh().await, &data_dir);
        let mut binary = Binary::new(programs::rejoinder(), &data_dir)
            .arg("--database-url", database.url())
            .arg("--model", "openai/scripted")
            .arg("--registration", "open")
            .env("OPENAI_API_KEY", "sk-test")
            .env("OPENAI_BASE_URL", &model.base_url());
        let clock = faked.then(|| FakeTime::new(folder.path()));
        if let Some(clock) = &clock {
            binary = clock.on(binary);
        }
        Self {
            model,
            database,
            binary,
            clock,
            folder,
        }
    }

    pub async fn start(&mut self) -> Server {
        self.binary.start().await
    }

    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// An operator's command beside the server, such as `user disable a@example.org`.
    ///
    /// # Panics
    /// When it fails.
    pub async fn command(&self, arguments: &[&str]) {
        let output = tokio::process::Command::new(programs::rejoinder())
            .args(arguments)
            .arg("--data-dir")
            .arg(self.data_dir())
            .args(["--database-url", self.database.url()])
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }

    /// Ends the server in good order and looks for what must never be found in a database.
    ///
    /// # Panics
    /// When there is any of it.
    pub async fn finish(&self, server: Server) {
        self.runs_end(Duration::from_secs(30)).await;
        let exit = server.terminate().await;
        assert!(exit.success(), "drain: {exit}; {}", self.binary.log());
        let mut found = self.database.contradictions().await;
        // Here users do ask for another answer.
        found.retain(|what| !what.starts_with("message answered by two runs"));
        assert!(found.is_empty(), "{found:?}");
        assert_eq!(self.database.damage().await, Vec::<String>::new());
    }

    /// # Panics
    /// When a run of now is still open after `limit`.
    pub async fn runs_end(&self, limit: Duration) {
        let ended = self.database.runs_end(limit).await;
        assert!(ended.is_ok(), "{ended:?}; {}", self.binary.log());
    }
}

/// A new account.
pub async fn user(server: &Server, name: &str) -> Client {
    let client = Client::new(&server.url);
    client.register(&format!("{name}@example.org")).await;
    client
}

/// A new conversation's id.
pub async fn conversation(client: &Client) -> String {
    let made = client.post("/chat/conversations", json!({})).await;
    made.expect(201)["conversation_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Sends and does not wait. Answers the run's id.
pub async fn send(client: &Client, conversation: &str, content: &str) -> String {
    let body = json!({"content": content, "conversation_id": conversation});
    ask(client, &body).await
}

/// Sends any body and does not wait. Answers the run's id.
pub async fn ask(client: &Client, body: &Value) -> String {
    let sent = client.try_send_async(body).await.unwrap().expect(202);
    sent["run_id"].as_str().unwrap().to_owned()
}

/// The newest message of a conversation.
pub async fn newest(client: &Client, conversation: &str) -> Value {
    client.messages(conversation).await.pop().unwrap()
}

/// `http://host:port` without its scheme.
#[must_use]
pub fn host(url: &str) -> &str {
    url.trim_start_matches("http://")
}

/// Looks again and again until `found` answers something.
///
/// # Panics
/// When it has not after `limit`.
pub async fn poll<T>(what: &str, limit: Duration, found: impl AsyncFn() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = found().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    match tokio::time::timeout(limit, looking).await {
        Ok(found) => found,
        Err(_) => panic!("not within {limit:?}: {what}"),
    }
}
