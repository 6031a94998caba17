//! The tool witness: a service with side effects whose truth survives everything.
//!
//! Every call that arrives whole is one line of JSON in a file, synced before anything is answered.
//! What is in the file has happened; what the product believes is compared with it.

use std::convert::Infallible;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::Clock;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::socket::PATIENCE;
use crate::time::WallClock;

/// What the witness does once it has acted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// 200 with `{"done": n}`, `n` the number of calls so far.
    #[default]
    Answer,
    /// This status, header lines and body.
    Reply(u16, Vec<(String, String)>, Vec<u8>),
    /// Answers after this time.
    Slow(Duration),
    /// Keeps the connection open and never answers.
    Hang,
    /// Closes the connection without an answer.
    Die,
}

impl Behaviour {
    /// An error of the service, said in words.
    #[must_use]
    pub fn fail(status: u16, words: &str) -> Self {
        Self::Reply(status, Vec::new(), words.as_bytes().to_vec())
    }
}

/// One call, as the file has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When its head was there, in milliseconds since the epoch by the machine's clock.
    pub at_ms: i64,
    pub method: String,
    /// With its query.
    pub path: String,
    /// `Idempotency-Key`
    pub key: Option<String>,
    pub authorization: Option<String>,
    /// JSON; text where it is none; `Null` where there is none.
    pub body: Value,
}

/// A running witness. Dropping it ends it; the file stays where [`Witness::at`] was told.
pub struct Witness {
    url: String,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
    _folder: Option<TempDir>,
}

struct Shared {
    path: PathBuf,
    file: Mutex<File>,
    behaviour: Mutex<Behaviour>,
    /// Lines in the file.
    count: watch::Sender<usize>,
}

impl Witness {
    /// With a file of its own that goes with it.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("witness.jsonl");
        Self {
            _folder: Some(folder),
            ..Self::at(&path).await
        }
    }

    /// With this file, which may hold earlier calls.
    pub async fn at(path: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            file: Mutex::new(file.unwrap()),
            behaviour: Mutex::default(),
            count: watch::channel(read(path).len()).0,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Self {
            url,
            shared,
            _tasks: tasks,
            _folder: None,
        }
    }

    /// `http://127.0.0.1:port`; any path and method is a call.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From the next call on.
    pub fn behave(&self, behaviour: Behaviour) {
        *lock(&self.shared.behaviour) = behaviour;
    }

    /// What has happened, oldest first, read from the file.
    ///
    /// # Panics
    /// When the file holds anything else.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        read(&self.shared.path)
    }

    /// Waits until so many calls have been written down.
    ///
    /// # Panics
    /// When they have not after [`PATIENCE`], with those that were.
    pub async fn acted(&self, times: usize) {
        let mut count = self.shared.count.subscribe();
        let acted = count.wait_for(|count| *count >= times);
        if tokio::time::timeout(PATIENCE, acted).await.is_err() {
            panic!(
                "{times} calls never came; those that did: {:#?}",
                self.entries()
            );
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(connection(stream, Arc::clone(&shared)));
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| call(request, Arc::clone(&shared)));
    // An error of the service closes the connection without an answer; so does a client that went.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn call(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let at_ms = WallClock.now().0;
    let (head, body) = request.into_parts();
    // Half a request is none.
    let body = body.collect().await.map_err(std::io::Error::other)?;
    let header = |name: &str| Some(head.headers.get(name)?.to_str().ok()?.to_owned());
    let path = head.uri.path_and_query();
    // Before anybody can see that it has acted, and change this for the next call.
    let behaviour = lock(&shared.behaviour).clone();
    let number = shared.write(&Entry {
        at_ms,
        method: head.method.to_string(),
        path: path.map(ToString::to_string).unwrap_or_default(),
        key: header("idempotency-key"),
        authorization: header("authorization"),
        body: value(&body.to_bytes()),
    });
    let done = |number: usize| {
        let body = json!({ "done": number }).to_string();
        let response = Response::builder().header(CONTENT_TYPE, "application/json");
        response.body(Full::from(body)).unwrap()
    };
    match behaviour {
        Behaviour::Answer => Ok(done(number)),
        Behaviour::Slow(time) => {
            tokio::time::sleep(time).await;
            Ok(done(number))
        }
        Behaviour::Reply(status, headers, body) => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            Ok(response.body(Full::from(body)).unwrap())
        }
        Behaviour::Hang => match std::future::pending::<Infallible>().await {},
        Behaviour::Die => Err(std::io::Error::other("told to die")),
    }
}

impl Shared {
    /// Answers how many there are now.
    fn write(&self, entry: &Entry) -> usize {
        let mut line = serde_json::to_vec(entry).unwrap();
        line.push(b'\n');
        let mut file = lock(&self.file);
        file.write_all(&line).unwrap();
        file.sync_data().unwrap();
        self.count.send_modify(|count| *count += 1);
        *self.count.borrow()
    }
}

fn read(path: &Path) -> Vec<Entry> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn value(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or_else(|_| json!(String::from_utf8_lossy(body)))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_sees_that_it_acted_may_change_what_comes_next() {
        let witness = Witness::start().await;
        let client = crate::Client::new(witness.url());
        for n in 1..=300 {
            witness.behave(Behaviour::fail(503, "no"));
            let changed = async {
                witness.acted(n).await;
                witness.behave(Behaviour::Answer);
            };
            let call = client.post("/", json!({}));
            let (answer, ()) = tokio::join!(call, changed);
            assert_eq!(answer.status, 503, "call {n}");
        }
    }
}
