//! A scene with one server that is running.

use std::ops::Deref;
use std::path::PathBuf;
use std::time::Duration;

use testkit::Client;
use testkit::process::{Binary, Server};

use crate::database::Kind;
use crate::scene::Scene;

pub struct Node {
    scene: Scene,
    binary: Binary,
    server: Option<Server>,
}

/// Its model, its database, its folder.
impl Deref for Node {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.scene
    }
}

impl Node {
    /// With empty data, and no limit on sending that a test would meet.
    pub async fn start(kind: Kind) -> Self {
        Self::with(kind, "").await
    }

    /// The same, with more lines in its configuration.
    pub async fn with(kind: Kind, config: &str) -> Self {
        let config = format!("send_rate_per_minute = 100000\n{config}");
        let scene = Scene::new(kind, &config).await;
        let mut binary = scene.binary();
        let server = Some(binary.start().await);
        Self {
            scene,
            binary,
            server,
        }
    }

    #[must_use]
    pub fn url(&self) -> &str {
        &self.server.as_ref().unwrap().url
    }

    /// Without a login.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.url())
    }

    /// A new account, signed in.
    pub async fn user(&self, email: &str) -> Client {
        let client = self.client();
        client.register(email).await;
        client
    }

    /// `SIGKILL`, and the next life at the same address.
    ///
    /// # Panics
    /// When it had died by itself.
    pub async fn kill(&mut self) {
        let mut server = self.server.take().unwrap();
        assert_eq!(server.exited(), None, "died by itself: {}", self.log());
        server.kill().await;
        self.server = Some(self.binary.start().await);
    }

    /// `SIGKILL`, then a life that is killed so long after its birth, then the next.
    pub async fn kill_twice(&mut self, after: Duration) {
        self.server.take().unwrap().kill().await;
        self.binary.start_and_kill(after).await;
        self.server = Some(self.binary.start().await);
    }

    /// An orderly end.
    ///
    /// # Errors
    /// When it was none.
    pub async fn stop(&mut self) -> Result<(), String> {
        let exit = self.server.take().unwrap().terminate().await;
        if exit.success() {
            return Ok(());
        }
        Err(format!("drain: {exit}; {}", self.log()))
    }

    /// The end of what the server wrote in all its lives.
    #[must_use]
    pub fn log(&self) -> String {
        self.binary.log()
    }

    /// Ends it and leaves the folder for whoever wants to look.
    #[must_use]
    pub fn keep(self) -> PathBuf {
        self.scene.keep()
    }
}
