//! A client that reads a feed over a socket or server-sent events, changes between them, loses its
//! connection and comes back with its cursor, and notes everything that breaks a promise.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use testkit::sse::EventStream;
use testkit::{Client, Incoming, Socket, Transcript};
use tokio::time::timeout;

/// A connection that is not there by then has failed.
const OPENS: Duration = Duration::from_secs(20);
/// Whoever reads to the end of a run tries another connection after so long a silence.
const PATIENCE: Duration = Duration::from_secs(18);
/// Shorter than the silence that makes a socket of the testkit panic, and that ends its streams.
const AT_MOST: Duration = Duration::from_secs(40);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    Socket,
    /// The feed as server-sent events.
    Stream,
    /// One run as server-sent events.
    Run,
}

impl Via {
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Socket => Self::Stream,
            Self::Stream => Self::Run,
            Self::Run => Self::Socket,
        }
    }
}

/// What came over a line.
#[derive(Debug)]
pub enum Got {
    Frame(Value),
    /// The end, with the close code where a socket had one.
    Over(Option<u16>),
    /// Nothing for as long as was waited.
    Silence,
}

/// What a line is opened to.
pub struct To<'a> {
    /// A cursor; without one, the present.
    pub since: Option<&'a str>,
    pub watch: &'a str,
    /// For [`Via::Run`].
    pub run: &'a str,
}

/// One open connection.
pub enum Line {
    Socket(Box<Socket>),
    Stream(Box<EventStream>),
}

impl Line {
    /// `None` when it can't be had: refused, broken, or not open in time.
    pub async fn open(base: &str, token: &str, via: Via, to: &To<'_>) -> Option<Self> {
        Self::open_within(OPENS, base, token, via, to).await
    }

    /// The same for whoever knows that it may be held up, and tries again. A connection of its own
    /// each time, so that a proxy's plan meets it.
    pub async fn open_within(
        limit: Duration,
        base: &str,
        token: &str,
        via: Via,
        to: &To<'_>,
    ) -> Option<Self> {
        let To { since, watch, run } = to;
        let at = |name: &str| since.map(|at| format!("&{name}={at}")).unwrap_or_default();
        let opening = async {
            let path = match via {
                Via::Socket => {
                    let base = base.replacen("http", "ws", 1);
                    let since = at("since");
                    let url = format!("{base}/api/v1/chat/ws?token={token}&watch={watch}{since}");
                    let socket = Socket::connect(&url).await.ok()?;
                    return Some(Self::Socket(Box::new(socket)));
                }
                Via::Stream => format!("/chat/sync?watch={watch}{}", at("since")),
                Via::Run => format!("/chat/runs/{run}/events?{}", at("after")),
            };
            let client = Client::new(base);
            client.set_token(Some(token.to_owned()));
            let response = client.request(Method::GET, &path).send().await.ok()?;
            let response = response.error_for_status().ok()?;
            Some(Self::Stream(Box::new(EventStream::new(response))))
        };
        timeout(limit, opening).await.ok().flatten()
    }

    pub async fn next(&mut self, patience: Duration) -> Got {
        let next = async {
            match self {
                Self::Socket(socket) => match socket.next().await {
                    Incoming::Frame(frame) => Got::Frame(frame),
                    Incoming::Closed(why) => Got::Over(why.map(|(code, _)| code)),
                },
                Self::Stream(stream) => match stream.next().await {
                    Some(Ok(event)) => Got::Frame(event.data),
                    Some(Err(_)) | None => Got::Over(None),
                },
            }
        };
        timeout(patience.min(AT_MOST), next)
            .await
            .unwrap_or(Got::Silence)
    }
}

/// What a client knows, and what was wrong with how it learned it.
#[derive(Default)]
pub struct Reading {
    /// The one that is watched; a feed tells of all.
    conversation: String,
    pub known: Transcript,
    /// By message and revision: what deltas alone add up to, for a reader that never joined late.
    pub deltas: BTreeMap<(i64, i64), String>,
    pub cursor: Option<String>,
    /// Run and its terminal state.
    pub ended: BTreeMap<String, String>,
    /// Frames that were about a message of an ended run, with it.
    pub after_end: Vec<Value>,
    owner: BTreeMap<i64, String>,
    pub resets: usize,
    pub broken: Vec<String>,
    /// Each byte must come exactly once as a delta: this reader has never skipped ahead.
    strict: bool,
}

impl Reading {
    /// From the present end of a feed, with every token to come.
    #[must_use]
    pub fn since(cursor: &str, conversation: &str) -> Self {
        Self {
            conversation: conversation.to_owned(),
            cursor: Some(cursor.to_owned()),
            strict: true,
            ..Self::default()
        }
    }

    /// Of somebody who knows nothing and begins with what is there.
    #[must_use]
    pub fn late(conversation: &str) -> Self {
        Self {
            conversation: conversation.to_owned(),
            ..Self::default()
        }
    }

    /// Goes on where deltas may have been swept: whole messages come in their place.
    #[must_use]
    pub fn after_silence(mut self) -> Self {
        self.strict = false;
        self
    }

    pub fn take(&mut self, frame: &Value) {
        let data = &frame["data"];
        if let Some(cursor) = frame["cursor"].as_str().or(data["cursor"].as_str()) {
            self.cursor = Some(cursor.to_owned());
        }
        match frame["type"].as_str() {
            Some("reset") => {
                self.resets += 1;
                self.known = Transcript::default();
                self.deltas.clear();
                self.strict = false;
            }
            Some("run") => {
                let state = data["state"].as_str().unwrap_or_default();
                if ["completed", "failed", "cancelled"].contains(&state) {
                    let run = data["run_id"].as_str().unwrap_or_default();
                    self.ended.insert(run.to_owned(), state.to_owned());
                }
            }
            Some("message" | "delta" | "tool") => {
                if frame["conversation_id"] != self.conversation.as_str() {
                    return;
                }
                self.about_message(frame);
            }
            Some("error") => self.broken.push(frame.to_string()),
            _ => {}
        }
        if let Err(broken) = self.known.take(frame) {
            self.broken.push(broken);
        }
    }

    fn about_message(&mut self, frame: &Value) {
        let data = &frame["data"];
        let id = data["id"].as_i64().or(data["message_id"].as_i64());
        let id = id.unwrap_or_default();
        if let (Some(run), "assistant") = (
            data["run_id"].as_str(),
            data["role"].as_str().unwrap_or("assistant"),
        ) {
            self.owner.insert(id, run.to_owned());
        }
        if self
            .owner
            .get(&id)
            .is_some_and(|run| self.ended.contains_key(run))
        {
            self.after_end.push(frame.clone());
        }
        if frame["type"] == "delta" && data["channel"] == "text" && self.strict {
            let revision = data["revision"].as_i64().unwrap_or_default();
            let text = self.deltas.entry((id, revision)).or_default();
            if data["offset"] == text.len() {
                text.push_str(data["text"].as_str().unwrap_or_default());
            } else {
                self.broken.push(format!("having {text:?}, got {data}"));
            }
        }
    }

    /// From where it has read to, on any kind of line.
    #[must_use]
    pub fn to<'a>(&'a self, run: &'a str) -> To<'a> {
        To {
            since: self.cursor.as_deref(),
            watch: &self.conversation,
            run,
        }
    }

    #[must_use]
    pub fn has_ended(&self, run: &str) -> bool {
        self.ended.contains_key(run)
    }

    /// Reads on one line until the run has ended. `false`: the line is over, or silent for too long.
    pub async fn follow(&mut self, line: &mut Line, run: &str, patience: Duration) -> bool {
        while !self.has_ended(run) {
            match line.next(patience).await {
                Got::Frame(frame) => self.take(&frame),
                Got::Over(_) | Got::Silence => return false,
            }
        }
        true
    }

    /// The only answer, whatever its id, as known now.
    ///
    /// # Panics
    /// When there is none of this status.
    #[must_use]
    pub fn answer(&self, status: &str) -> &str {
        let mut answers = self.known.messages.values();
        let answer = answers.rfind(|message| message.status == status);
        match answer {
            Some(answer) => &answer.text,
            None => panic!("no answer is {status}: {:?}", self.known.messages),
        }
    }

    /// What deltas alone added up to, in the newest revision of the newest message.
    #[must_use]
    pub fn from_deltas(&self) -> &str {
        self.deltas.values().next_back().map_or("", String::as_str)
    }
}

/// The present end of the feed.
pub async fn end(client: &Client) -> String {
    let mut socket = client.socket(None, &[]).await;
    socket.frame("connection").await;
    socket.cut().expect("a cursor")
}

/// Reads directly, over one kind of connection and with its cursor, until the run has ended.
///
/// # Panics
/// When it has not within `limit`.
pub async fn read(
    client: &Client,
    via: Via,
    mut reading: Reading,
    run: &str,
    limit: Duration,
) -> Reading {
    let token = client.token().unwrap();
    let reading_on = async {
        loop {
            let to = reading.to(run);
            let line = Line::open(client.base(), &token, via, &to).await;
            if let Some(mut line) = line
                && reading.follow(&mut line, run, PATIENCE).await
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    if timeout(limit, reading_on).await.is_err() {
        panic!("run {run} did not end within {limit:?} for a reader via {via:?}");
    }
    reading
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn delta(cursor: u64, offset: u64, text: &str) -> Value {
        json!({"type": "delta", "conversation_id": "c", "cursor": cursor.to_string(), "data": {
            "message_id": 1, "revision": 1, "offset": offset, "channel": "text", "text": text}})
    }

    fn broken(frames: &[Value]) -> Vec<String> {
        let mut reading = Reading::since("0", "c");
        frames.iter().for_each(|frame| reading.take(frame));
        reading.broken
    }

    #[test]
    fn each_byte_must_come_once_and_in_order() {
        assert_eq!(broken(&[delta(1, 0, "ab"), delta(2, 2, "c")]), [""; 0]);
        for second in [0, 1, 3] {
            let told = broken(&[delta(1, 0, "ab"), delta(2, second, "b")]);
            assert!(!told.is_empty(), "offset {second}");
        }
        assert!(!broken(&[delta(1, 0, "ab"), delta(1, 2, "c")]).is_empty());
    }

    #[test]
    fn what_follows_the_end_of_a_run_is_told() {
        let mut reading = Reading::since("0", "c");
        let answer = |status: &str| {
            json!({"type": "message", "conversation_id": "c", "data": {
                "id": 1, "run_id": "r", "role": "assistant", "revision": 1, "content": "ab",
                "status": status}})
        };
        reading.take(&answer("streaming"));
        reading.take(&json!({"type": "run", "data": {"run_id": "r", "state": "cancelled"}}));
        assert_eq!(reading.after_end, Vec::<Value>::new());
        reading.take(&delta(3, 2, "c"));
        assert_eq!(reading.after_end.len(), 1);
    }
}
