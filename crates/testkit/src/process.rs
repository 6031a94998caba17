//! The real binary as a child process, to be killed.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::port::Port;
use crate::strace::Strace;

/// Nothing on the first line for so long: it hangs. It has a database to open by then, and perhaps to
/// upgrade, under a tracer, beside others.
pub const SPEAKS: Duration = Duration::from_secs(60);

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
    /// From the first start on. The server is away between its lives, and the port must still be its.
    port: Option<Port>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    tracer: Option<Strace>,
}

impl Binary {
    /// `program` is the path of `rejoinder`.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>, data_dir: &Path) -> Self {
        Self {
            program: program.into(),
            data_dir: data_dir.to_owned(),
            port: None,
            arguments: Vec::new(),
            environment: Vec::new(),
            tracer: None,
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

    /// The next starts are looked at, and made to fail, by `strace`; `None`: no longer.
    pub fn under(&mut self, tracer: Option<Strace>) -> &mut Self {
        self.tracer = tracer;
        self
    }

    /// Starts it and waits until it says where it listens: always at the same address.
    ///
    /// # Panics
    /// When it ends before, or says nothing for [`SPEAKS`].
    pub async fn start(&mut self) -> Server {
        match self.try_start().await {
            Ok(server) => server,
            Err(status) => panic!("it did not start: {status}; log: {}", self.log()),
        }
    }

    /// As [`Binary::start`], where it may refuse to start: then with its exit code.
    ///
    /// # Panics
    /// When it says nothing for [`SPEAKS`].
    pub async fn try_start(&mut self) -> Result<Server, ExitStatus> {
        let listen = self.listen();
        let mut child = self
            .command("serve", &["--listen", &listen])
            .spawn()
            .unwrap_or_else(|error| panic!("{} can't be started: {error}", self.program.display()));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = tokio::time::timeout(SPEAKS, lines.next_line()).await;
        let line = match first {
            Ok(Ok(Some(line))) => line,
            Ok(Ok(None)) => return Err(child.wait().await.unwrap()),
            other => panic!("no first line ({other:?}); log: {}", self.log()),
        };
        let Some(url) = line.strip_prefix("listening on ") else {
            panic!("unexpected first line {line:?}");
        };
        let url = url.trim_end_matches('/').to_owned();
        Ok(Server { child, url, lines })
    }

    /// A life that is killed so long after its birth, whether it listens by then or not.
    pub async fn start_and_kill(&mut self, after: Duration) {
        let listen = self.listen();
        let mut child = self
            .command("serve", &["--listen", &listen])
            .spawn()
            .unwrap();
        tokio::time::sleep(after).await;
        child.start_kill().unwrap();
        child.wait().await.unwrap();
    }

    fn listen(&mut self) -> String {
        let port = self.port.get_or_insert_with(Port::take);
        port.address.to_string()
    }

    /// A command of the operator on the same data, such as `backup`: its exit code, and what it said
    /// on both streams.
    pub async fn run(&self, command: &str, arguments: &[&str]) -> (ExitStatus, String) {
        let output = self
            .command(command, arguments)
            .stderr(Stdio::piped())
            .output()
            .await
            .unwrap();
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        (output.status, String::from_utf8_lossy(&said).into_owned())
    }

    fn command(&self, command: &str, arguments: &[&str]) -> Command {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.data_dir.with_extension("log"))
            .unwrap();
        let prefix = self.tracer.as_ref().map(Strace::prefix).unwrap_or_default();
        let program = self.program.to_string_lossy().into_owned();
        let mut words = prefix.into_iter().chain([program]);
        let mut process = Command::new(words.next().unwrap_or_default());
        process
            .args(words)
            .arg(command)
            .args(arguments)
            .arg("--data-dir")
            .arg(&self.data_dir)
            .args(if command == "serve" {
                &self.arguments[..]
            } else {
                &[]
            })
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
                process.env_remove(name);
            }
        }
        process.envs(self.environment.iter().cloned());
        process
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
    lines: tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
}

impl Server {
    /// `SIGKILL`, and the process is gone when this returns.
    pub async fn kill(mut self) {
        self.child.start_kill().unwrap();
        self.child.wait().await.unwrap();
    }

    /// `SIGTERM`: drains.
    pub async fn terminate(mut self) -> ExitStatus {
        self.signal("TERM").await;
        self.child.wait().await.unwrap()
    }

    /// As [`Server::terminate`], with what it said on standard output behind its first line.
    pub async fn terminate_and_hear(mut self) -> (ExitStatus, String) {
        self.signal("TERM").await;
        let mut said = String::new();
        while let Ok(Some(line)) = self.lines.next_line().await {
            said.push_str(&line);
            said.push('\n');
        }
        (self.child.wait().await.unwrap(), said)
    }

    /// `SIGSTOP`: holds everything still, as a machine that sleeps does.
    pub async fn pause(&self) {
        self.signal("STOP").await;
    }

    /// `SIGCONT`: goes on after [`Server::pause`].
    pub async fn resume(&self) {
        self.signal("CONT").await;
    }

    /// Sends a signal by its name without `SIG`.
    pub async fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.id().unwrap().to_string()])
            .status()
            .await
            .unwrap();
        assert!(sent.success());
    }

    /// Its process id, while it lives.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until it ends by itself; `None` when it still lives after `limit`.
    pub async fn ends(&mut self, limit: Duration) -> Option<ExitStatus> {
        let ended = tokio::time::timeout(limit, self.child.wait()).await;
        ended.ok().map(Result::unwrap)
    }

    /// Most memory that it has held so far, in KiB.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// Memory that it holds now, in KiB.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    fn status(&self, name: &str) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.unwrap().parse().unwrap()
    }

    /// `None` while it lives.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }
}
