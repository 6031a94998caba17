//! A socket that follows the feed by its cursor, across a death.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Client, Incoming, Socket, Transcript};

use tokio::sync::watch;

use crate::sender::{PAUSE, ended};

/// For everything that is to come, as long as its senders are given.
const PATIENCE: Duration = Duration::from_secs(240);
/// A silence in which nothing is wrong.
const QUIET: Duration = Duration::from_secs(18);

/// Refusals in a row for want of a place among the account's sockets, [`PAUSE`] apart: ten seconds and
/// more. A place that others left is given back long before.
const REFUSED: usize = 250;

/// Where the server is now: it comes back at another address.
#[derive(Clone)]
pub struct Address {
    pub url: watch::Receiver<String>,
    pub token: String,
}

impl Address {
    /// Of a server that comes back where it was.
    #[must_use]
    pub fn fixed(client: &Client) -> Self {
        let (_, url) = watch::channel(client.base().to_owned());
        let token = client.token().unwrap();
        Self { url, token }
    }

    pub fn client(&self) -> Client {
        let client = Client::new(&self.url.borrow());
        client.set_token(Some(self.token.clone()));
        client
    }

    /// A moment, or less where the server has come back.
    pub async fn pause(&mut self) {
        let _ = tokio::time::timeout(PAUSE, self.url.changed()).await;
    }
}

#[derive(Default)]
pub struct Reading {
    pub read: Transcript,
    /// By message and revision: what its deltas alone add up to.
    pub texts: BTreeMap<(i64, i64), String>,
    ended: BTreeSet<String>,
    pub broken: Vec<String>,
    pub resumed: usize,
    /// In a row, for want of a place.
    refused: usize,
}

impl Reading {
    fn take(&mut self, frame: &Value) {
        if let Err(broken) = self.read.take(frame) {
            self.broken.push(broken);
        }
        let data = &frame["data"];
        match frame["type"].as_str() {
            Some("delta") if data["channel"] == "text" => self.delta(data),
            Some("run") if ended(data) => {
                self.ended.insert(data["run_id"].to_string());
            }
            // Others of the same account have just left theirs: it comes back with its cursor.
            Some("error") if data["code"] == "too_many_sockets" => {
                self.refused += 1;
                if self.refused == REFUSED {
                    self.broken.push(format!("{REFUSED} times: {frame}"));
                }
            }
            Some("reset" | "error") => self.broken.push(frame.to_string()),
            _ => self.refused = 0,
        }
    }

    /// This reader has never skipped ahead, so each byte must come exactly once.
    fn delta(&mut self, delta: &Value) {
        let key = (
            delta["message_id"].as_i64().unwrap_or_default(),
            delta["revision"].as_i64().unwrap_or_default(),
        );
        let text = self.texts.entry(key).or_default();
        if delta["offset"] == text.len() {
            text.push_str(delta["text"].as_str().unwrap_or_default());
        } else {
            self.broken.push(format!("having {text:?}, got {delta}"));
        }
    }
}

/// The present end of the feed.
pub async fn end(client: &Client) -> String {
    let mut socket = client.socket(None, &[]).await;
    socket.frame("connection").await;
    socket.cut().expect("a cursor")
}

/// Reads from `cursor` on until so many runs have ended.
pub async fn follow(
    mut address: Address,
    mut cursor: String,
    watch: Vec<String>,
    runs: usize,
) -> Reading {
    let mut reading = Reading::default();
    let all = read(&mut address, &mut cursor, &watch, runs, &mut reading);
    if tokio::time::timeout(PATIENCE, all).await.is_err() {
        let ended = reading.ended.len();
        let short = format!("the socket told of {ended} ends in {PATIENCE:?}, not of {runs}");
        reading.broken.push(short);
    }
    reading
}

async fn read(
    address: &mut Address,
    cursor: &mut String,
    watch: &[String],
    runs: usize,
    reading: &mut Reading,
) {
    loop {
        if let Some(mut socket) = connect(&address.client(), cursor, watch).await {
            // Cut short where nothing came, long before the socket itself would panic.
            while let Ok(Incoming::Frame(frame)) = tokio::time::timeout(QUIET, socket.next()).await
            {
                reading.take(&frame);
                if let Some(at) = &socket.cursor {
                    cursor.clone_from(at);
                }
                if reading.ended.len() == runs {
                    return;
                }
            }
            reading.resumed += 1;
        }
        address.pause().await;
    }
}

async fn connect(client: &Client, since: &str, watch: &[String]) -> Option<Socket> {
    let ticket = client.try_post("/chat/ws-ticket", &json!({})).await.ok()?;
    let url = format!(
        "{}/api/v1/chat/ws?token={}&since={since}&watch={}",
        client.base().replacen("http", "ws", 1),
        ticket.body["ticket"].as_str()?,
        watch.join(","),
    );
    Socket::connect(&url).await.ok()
}

#[test]
fn a_byte_that_is_missing_or_comes_twice_is_told() {
    let delta = |offset: u64, text: &str| {
        json!({"type": "delta", "data": {
            "message_id": 1, "revision": 1, "offset": offset, "channel": "text", "text": text}})
    };
    for (second, honest) in [(3, true), (2, false), (0, false), (4, false)] {
        let mut reading = Reading::default();
        reading.take(&delta(0, "abc"));
        reading.take(&delta(second, "def"));
        assert_eq!(reading.broken.is_empty(), honest, "{:?}", reading.broken);
        assert_eq!(reading.texts[&(1, 1)] == "abcdef", honest);
    }
}

#[test]
fn a_place_that_is_never_given_back_is_told() {
    let refusal = json!({"type": "error", "data": {"code": "too_many_sockets"}});
    let connection = json!({"type": "connection", "data": {"status": "ready"}});
    let mut reading = Reading::default();
    for frame in [&refusal, &connection, &refusal] {
        for _ in 1..REFUSED {
            reading.take(frame);
        }
    }
    assert_eq!(reading.broken, [""; 0]);
    reading.take(&refusal);
    assert_eq!(reading.broken.len(), 1, "{:?}", reading.broken);
}
