//! P22, no request takes the server down: what all its tests have in common. One process from the
//! first byte to the last, a normal user who is served before, during and after, and memory that
//! comes back.

use chaos::database::Kind;
use chaos::scene::Scene;
use serde_json::{Value, json};
use testkit::process::{Binary, Server};
use testkit::{Client, scripted_text};

/// KiB that a siege may leave. Hostile requests to every route left 26 MiB of a debug build, the rest 4
/// to 12. (180 to 365 MiB were seen while glibc kept the memory of password hashes, 19 MiB for each
/// thread that had ever made one: `server/src/auth/password/hasher.rs`.)
const MEMORY: u64 = 96 * 1024;

pub(super) struct Siege {
    pub(super) server: Server,
    pub(super) normal: Client,
    /// The API's document.
    pub(super) document: Value,
    binary: Binary,
    process: u32,
    memory: u64,
    _scene: Scene,
}

impl Siege {
    pub(super) async fn begin(kind: Kind) -> Self {
        let scene = Scene::new(kind, "send_rate_per_minute = 100000\n").await;
        let mut binary = scene.binary();
        let server = binary.start().await;
        let normal = Client::new(&server.url);
        normal.register("normal@example.org").await;
        let document = reqwest::get(format!("{}/openapi.json", server.url)).await;
        let document = document.unwrap().json().await.unwrap();
        let siege = Self {
            process: server.id().unwrap(),
            memory: server.memory(),
            server,
            normal,
            document,
            binary,
            _scene: scene,
        };
        siege.serves().await;
        siege
    }

    /// A normal user is answered in full.
    pub(super) async fn serves(&self) {
        let sent = self
            .normal
            .send(json!({ "content": "Hello [[script: tokens=5]]" }));
        let sent = sent.await.expect(200);
        assert_eq!(sent["ai_message"]["content"], scripted_text(5).as_str());
    }

    /// Another account.
    pub(super) async fn account(&self, name: &str) -> Client {
        let client = Client::new(&self.server.url);
        client.register(&format!("{name}@example.org")).await;
        client
    }

    /// The same process, in order.
    pub(super) async fn end(mut self, what: &str) {
        assert_eq!(self.server.exited(), None, "{}", self.binary.log());
        assert_eq!(self.server.id(), Some(self.process));
        self.serves().await;
        let now = self.server.memory();
        assert!(
            now < self.memory + MEMORY,
            "{} KiB before, {now} after",
            self.memory
        );
        let log = self.binary.log();
        for word in ["internal error", "panicked"] {
            assert!(!log.contains(word), "{log}");
        }
        println!(
            "process {}: {what}; {} KiB before, {now} after",
            self.process, self.memory
        );
        assert!(self.server.terminate().await.success());
    }
}
