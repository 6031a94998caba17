//! Writes the log, and counts what clients observe.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use testkit::Transcript;
use tokio::sync::watch;

use super::{Line, Message, Seen, What};

/// Clones write to the same log.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    begun: Instant,
    log: Mutex<Log>,
    /// Things that clients have observed: lines, and frames of streams.
    observed: watch::Sender<u64>,
}

struct Log {
    file: File,
    lines: Vec<Line>,
    ops: u64,
}

impl Recorder {
    /// A new log.
    #[must_use]
    pub fn create(path: &Path) -> Self {
        let log = Log {
            file: File::create(path).unwrap(),
            lines: Vec::new(),
            ops: 0,
        };
        Self(Arc::new(Inner {
            begun: Instant::now(),
            log: Mutex::new(log),
            observed: watch::channel(0).0,
        }))
    }

    /// To be called before the request leaves. Answers the number for the lines that follow.
    pub fn invoke(&self, account: &str, message: &Message) -> u64 {
        let op = {
            let mut log = self.0.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.ops += 1;
            log.ops
        };
        self.line(account, op, What::Invoke(message.clone()));
        op
    }

    pub fn line(&self, account: &str, op: u64, what: What) {
        let mut log = self.0.log.lock().unwrap_or_else(PoisonError::into_inner);
        let line = Line {
            at_ms: self.0.begun.elapsed().as_millis() as u64,
            account: account.to_owned(),
            op,
            what,
        };
        let mut text = serde_json::to_vec(&line).unwrap();
        text.push(b'\n');
        log.file.write_all(&text).unwrap();
        log.lines.push(line);
        drop(log);
        self.observe();
    }

    /// All that a reader has read, as it was when reading stopped.
    pub fn seen(&self, account: &str, op: u64, read: &Transcript) {
        for (&message, known) in &read.messages {
            let earlier = known.before.iter();
            let now = (&known.revision, &known.text);
            for (&revision, text) in earlier.chain([now]).filter(|(_, text)| !text.is_empty()) {
                let text = text.clone();
                let seen = Seen {
                    message,
                    revision,
                    text,
                };
                self.line(account, op, What::Seen(seen));
            }
        }
    }

    /// Something came from the server.
    pub fn observe(&self) {
        self.0.observed.send_modify(|count| *count += 1);
    }

    /// Waits until `count` more things were observed, but not for ever.
    pub async fn observed(&self, count: u64, limit: Duration) {
        let mut observed = self.0.observed.subscribe();
        let until = *observed.borrow() + count;
        let enough = observed.wait_for(|seen| *seen >= until);
        let _ = tokio::time::timeout(limit, enough).await;
    }

    /// The last lines, for whoever waits in vain.
    #[must_use]
    pub fn tail(&self) -> String {
        let lines = self.lines();
        let last = lines[lines.len().saturating_sub(20)..].iter();
        let texts: Vec<String> = last.map(|line| format!("{line:?}")).collect();
        texts.join("\n")
    }

    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let log = self.0.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.lines.clone()
    }
}

/// A log that was kept.
///
/// # Errors
/// What can't be read.
pub fn load(path: &Path) -> std::io::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for line in BufReader::new(File::open(path)?).lines() {
        lines.push(serde_json::from_str(&line?)?);
    }
    Ok(lines)
}
