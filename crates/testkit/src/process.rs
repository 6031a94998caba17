//! The real binary as a child process, to be killed.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A setting of the tests, from the environment. Empty means unset.
#[must_use]
pub fn setting(name: &str) -> Option<String> {
    std::env::var_os(name)?
        .into_string()
        .ok()
        .filter(|value| !value.is_empty())
}

/// How a server is started, again and again, on the same data and port.
pub struct Binary {
    program: PathBuf,
    data_dir: PathBuf,
    listen: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Binary {
    /// `program` is the path of `rejoinder`.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>, data_dir: &Path) -> Self {
        Self {
            program: program.into(),
            data_dir: data_dir.to_owned(),
            listen: "127.0.0.1:0".to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    #[must_use]
    pub fn arg(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend([name.to_owned(), value.to_owned()]);
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it and waits until it says where it listens; from the second time on that is the
    /// same address.
    ///
    /// # Panics
    /// When it ends before, or says nothing for 30 seconds.
    pub async fn start(&mut self) -> Server {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.data_dir.with_extension("log"))
            .unwrap();
        let mut command = Command::new(&self.program);
        command
            .arg("serve")
            .args(["--listen", &self.listen])
            .arg("--data-dir")
            .arg(&self.data_dir)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true);
        for (name, _) in std::env::vars_os() {
            // Whoever runs the tests may have providers configured: they stay out.
            let name = name.to_string_lossy().into_owned();
            let foreign = ["REJOINDER_", "OPENAI_", "ANTHROPIC_", "GEMINI_", "OLLAMA_"];
            // Whoever shows that a test can fail says so for all servers at once.
            let meant = name == "REJOINDER_SABOTAGE";
            if !meant && foreign.iter().any(|prefix| name.starts_with(prefix)) {
                command.env_remove(name);
            }
        }
        command.envs(self.environment.iter().cloned());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await;
        let Ok(Ok(Some(line))) = first else {
            panic!("no first line ({first:?}); log: {}", self.log());
        };
        let Some(url) = line.strip_prefix("listening on ") else {
            panic!("unexpected first line {line:?}");
        };
        let url = url.trim_end_matches('/').to_owned();
        url.trim_start_matches("http://")
            .clone_into(&mut self.listen);
        Server {
            child,
            url,
            _lines: lines,
        }
    }

    /// What all starts so far wrote to standard error: the end of it.
    #[must_use]
    pub fn log(&self) -> String {
        let log = std::fs::read(self.data_dir.with_extension("log")).unwrap_or_default();
        let tail = log.len().saturating_sub(8_000);
        String::from_utf8_lossy(&log[tail..]).into_owned()
    }
}

/// One life of the process.
pub struct Server {
    child: Child,
    pub url: String,
    /// Held so that a later line does not meet a closed pipe.
    _lines: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
}

impl Server {
    /// `SIGKILL`, and the process is gone when this returns.
    pub async fn kill(mut self) {
        self.child.start_kill().unwrap();
        self.child.wait().await.unwrap();
    }

    /// `SIGTERM`: drains.
    pub async fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().unwrap().to_string();
        let sent = Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .await
            .unwrap();
        assert!(sent.success());
        self.child.wait().await.unwrap()
    }

    /// `None` while it lives.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }
}
