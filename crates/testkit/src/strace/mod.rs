//! System calls of the real binary, written down and made to fail, by `strace`.
//!
//! Two ways: the whole life of a process ([`crate::process::Binary::under`]), or a part of it
//! ([`Strace::attach`] until [`Attached::detach`]): that is how a disk is full for a while.
//!
//! Faults count the calls of each thread by itself. SQLite's writer has a thread of its own, so
//! "the n-th write" of a file that only the writer writes is the same one in every run.

mod trace;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

pub use trace::{Call, Trace};

/// A tracer that has not come this far by then never will.
const PATIENCE: Duration = Duration::from_secs(20);

/// One kind of call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Its name in the kernel: `pwrite64`, `fsync`, `openat`, …
    pub call: &'static str,
    /// `EIO`, `ENOSPC`, …
    pub error: &'static str,
    pub which: Which,
}

/// Counted from 1, per thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    All,
    Only(u32),
    /// Both included.
    Between(u32, u32),
}

impl Fault {
    fn expression(&self) -> String {
        let when = match self.which {
            Which::All => String::new(),
            Which::Only(n) => format!(":when={n}"),
            Which::Between(first, last) => format!(":when={first}..{last}"),
        };
        format!("inject={}:error={}{when}", self.call, self.error)
    }
}

/// What is looked at, and what fails.
#[derive(Debug, Clone)]
pub struct Strace {
    output: PathBuf,
    arguments: Vec<String>,
}

impl Strace {
    /// Writes into this file, over what is in it.
    #[must_use]
    pub fn new(output: &Path) -> Self {
        let arguments = ["-f", "-yy", "-a", "1", "--quiet=attach,personality"];
        Self {
            output: output.to_owned(),
            arguments: arguments.map(str::to_owned).to_vec(),
        }
    }

    fn with(mut self, more: [&str; 2]) -> Self {
        self.arguments.extend(more.map(str::to_owned));
        self
    }

    /// Only these, separated by commas; a call that fails must be among them.
    #[must_use]
    pub fn calls(self, names: &str) -> Self {
        self.with(["-e", &format!("trace={names}")])
    }

    /// Only calls on this file; again for further ones. Faults too keep to them.
    #[must_use]
    pub fn file(self, path: &Path) -> Self {
        self.with(["-P", &path.to_string_lossy()])
    }

    /// The three files of a SQLite database: a fault anywhere else is not what is tested.
    #[must_use]
    pub fn database(self, data_dir: &Path) -> Self {
        ["rejoinder.db", "rejoinder.db-wal", "rejoinder.db-shm"]
            .iter()
            .fold(self, |strace, name| strace.file(&data_dir.join(name)))
    }

    /// These too, which run already, and their children from now on: in one order with the rest.
    #[must_use]
    pub fn beside(self, pids: &[u32]) -> Self {
        pids.iter()
            .fold(self, |strace, pid| strace.with(["-p", &pid.to_string()]))
    }

    /// How many bytes of a buffer are written down; 32 otherwise.
    #[must_use]
    pub fn bytes(self, count: usize) -> Self {
        self.with(["-s", &count.to_string()])
    }

    #[must_use]
    pub fn fault(self, fault: Fault) -> Self {
        self.with(["-e", &fault.expression()])
    }

    /// The process dies (`SIGKILL`) at the n-th of these calls, of each thread by itself.
    #[must_use]
    pub fn kill(self, call: &str, n: u32) -> Self {
        self.with(["-e", &format!("inject={call}:signal=KILL:when={n}")])
    }

    /// What comes before the program and its arguments. The program stays a child of whoever starts
    /// it, with its own process id and exit code: the tracer is its grandchild.
    #[must_use]
    pub fn prefix(&self) -> Vec<String> {
        let output = self.output.to_string_lossy().into_owned();
        let mut all = ["strace", "-D"].map(str::to_owned).to_vec();
        // Other calls then cost nothing: the kernel itself leaves them alone. But strace 6.1 then
        // forgets the `when` of a signal.
        if !self.arguments.iter().any(|a| a.contains(":signal=")) {
            all.push("--seccomp-bpf".to_owned());
        }
        all.extend(self.arguments.iter().cloned());
        all.extend(["-o".to_owned(), output]);
        all
    }

    /// Looks at a running process from now on.
    ///
    /// # Panics
    /// Where `strace` is missing or may not attach.
    pub async fn attach(&self, pid: u32) -> Attached {
        let mut command = Command::new("strace");
        command
            .args(self.arguments.iter().filter(|a| !a.starts_with("--quiet")))
            .arg("-o")
            .arg(&self.output)
            .args(["-p", &pid.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!(
                "strace is needed and can't be started ({error}); Debian: apt-get install strace"
            )
        });
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = tokio::time::timeout(PATIENCE, said.next_line()).await;
        let Ok(Ok(Some(line))) = line else {
            panic!("strace said nothing when it should attach: {line:?}");
        };
        assert!(
            line.contains("attached"),
            "strace may not trace a process here (ptrace, often /proc/sys/kernel/yama/ptrace_scope \
             or a container's profile): {line}"
        );
        Attached {
            child,
            output: self.output.clone(),
            _said: said,
        }
    }

    /// What was written down of a process that was started with [`Strace::prefix`], once it has
    /// ended.
    ///
    /// # Panics
    /// When the trace has no end, or there is none because tracing is not permitted.
    pub async fn trace(&self) -> Trace {
        let limit = tokio::time::Instant::now() + PATIENCE;
        loop {
            let trace = read(&self.output);
            if trace.ended {
                return trace;
            }
            assert!(
                tokio::time::Instant::now() < limit,
                "{} has no end after {} lines: strace is missing, or may not trace here",
                self.output.display(),
                trace.lines
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn read(output: &Path) -> Trace {
    let bytes = std::fs::read(output).unwrap_or_default();
    Trace::parse(&String::from_utf8_lossy(&bytes))
}

/// A tracer beside a running process.
pub struct Attached {
    child: Child,
    output: PathBuf,
    _said: tokio::io::Lines<BufReader<tokio::process::ChildStderr>>,
}

impl Attached {
    /// Lets the process go, whose calls succeed again; what was written down until then.
    pub async fn detach(mut self) -> Trace {
        let pid = self.child.id().unwrap().to_string();
        let sent = Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .await
            .unwrap();
        assert!(sent.success());
        self.child.wait().await.unwrap();
        read(&self.output)
    }
}
