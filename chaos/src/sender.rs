//! One client: sends in any of the four forms, reads streams across cuts, and writes down what it
//! was told.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::client::Answer;
use testkit::sse::EventStream;
use testkit::{Client, Dice, Transcript};
use tokio_util::sync::CancellationToken;

use crate::history::{Message, Recorder, What, Yes};

/// Between attempts while the server is away or the conversation busy.
pub const PAUSE: Duration = Duration::from_millis(40);
/// For one answer. Longer than any run: what takes this long is unknown, not refused.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// When the run has ended.
    Wait,
    /// As soon as message and run are stored.
    Detach,
    /// The run's events, to their end.
    Stream,
    /// The `ack` of a socket, once message and run are stored.
    Socket,
}

impl Form {
    pub const ALL: [Self; 4] = [Self::Wait, Self::Detach, Self::Stream, Self::Socket];

    pub fn any(dice: &mut Dice) -> Self {
        Self::ALL[dice.within(0..4) as usize]
    }
}

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    Yes(Yes),
    /// With the code of the problem.
    No(String),
    Unsure,
}

#[derive(Clone)]
pub struct Sender {
    pub client: Client,
    pub email: String,
    pub recorder: Recorder,
    /// No cut is followed up any more.
    pub stop: CancellationToken,
}

impl Sender {
    /// Sends once.
    pub async fn attempt(&self, message: &Message, form: Form) -> Told {
        let body = json!({
            "content": message.content,
            "client_message_id": message.key,
            "conversation_id": message.conversation,
        });
        let op = self.recorder.invoke(&self.email, message);
        let sent = async {
            let sent = match form {
                Form::Wait => self.client.try_post("/chat/messages", &body).await.map(Err),
                Form::Detach => self.client.try_send_async(&body).await.map(Err),
                Form::Stream => self.client.try_send_stream(&body).await,
                Form::Socket => return self.client.try_send_socket(&body).await.map(Err),
            };
            sent.map_err(|error| error.to_string())
        };
        let told = match tokio::time::timeout(PATIENCE, sent).await {
            Ok(Ok(Ok(events))) => return self.read(message, op, events).await,
            Ok(Ok(Err(answer))) => self.judge(message, op, &answer),
            Ok(Err(error)) => self.unsure(op, &error),
            Err(_) => self.unsure(op, "timeout"),
        };
        if told == Told::No("unauthenticated".to_owned()) {
            let _ = self.client.try_login(&self.email).await;
        }
        told
    }

    fn judge(&self, message: &Message, op: u64, answer: &Answer) -> Told {
        let (status, body) = (answer.status, &answer.body);
        if status == StatusCode::OK || status == StatusCode::ACCEPTED {
            let user = &body["user_message"];
            let Some(yes) = yes(user).filter(|_| user["client_message_id"] == message.key.as_str())
            else {
                self.broken(op, format!("an answer to something else: {body}"));
                return self.unsure(op, "an answer to something else");
            };
            self.line(op, What::Ok(yes.clone()));
            return Told::Yes(yes);
        }
        if status.is_server_error() {
            // Draining, or the outcome of the commit is unknown.
            return self.unsure(op, &format!("{status} {}", answer.code()));
        }
        let expected = [
            // The answer before is still being written.
            (409, "run_active"),
            (409, "idempotency_key_reused"),
            (401, "unauthenticated"),
            (429, "rate_limited"),
            // Those of earlier attempts are still being cleared away.
            (429, "too_many_sockets"),
        ];
        let code = answer.code().to_owned();
        if !expected.contains(&(status.as_u16(), code.as_str())) {
            self.broken(op, format!("{}: {status} {body}", message.key));
        }
        let why = format!("{status} {code}");
        self.line(op, What::Fail { why });
        Told::No(code)
    }

    /// Reads the run's events, and goes on reading after a cut where it left off.
    async fn read(&self, message: &Message, op: u64, mut events: EventStream) -> Told {
        let mut read = Transcript::default();
        let mut told: Option<Yes> = None;
        loop {
            let Ok(next) = tokio::time::timeout(PATIENCE, events.next()).await else {
                self.broken(op, format!("{}: a stream without events", message.key));
                break;
            };
            match next {
                Some(Ok(event)) => {
                    self.recorder.observe();
                    if let Err(broken) = read.take(&event.data) {
                        self.broken(op, broken);
                    }
                    let data = &event.data["data"];
                    if event.event == "message"
                        && data["client_message_id"] == message.key.as_str()
                        && told.is_none()
                    {
                        told = yes(data);
                        let Some(yes) = &told else { continue };
                        self.line(op, What::Ok(yes.clone()));
                    }
                    if event.event == "reset" {
                        self.broken(op, format!("{}: reset: {}", message.key, event.data));
                    }
                    if event.event == "run" && ended(data) {
                        break;
                    }
                }
                // Cut, or an orderly end before the run's: both are followed up.
                Some(Err(_)) | None => {
                    let (Some(yes), Some(after)) = (&told, events.last_id.clone()) else {
                        break;
                    };
                    let Some(resumed) = self.resume(op, &yes.run, &after).await else {
                        break;
                    };
                    events = resumed;
                    // Nothing new may come before the next cut: the place must not be forgotten.
                    events.last_id = Some(after);
                }
            }
        }
        self.recorder.seen(&self.email, op, &read);
        match told {
            Some(yes) => Told::Yes(yes),
            None => self.unsure(op, "the stream broke off"),
        }
    }

    async fn resume(&self, op: u64, run: &str, after: &str) -> Option<EventStream> {
        let path = format!("/chat/runs/{run}/events?after={after}");
        while !self.stop.is_cancelled() {
            let resumed = tokio::time::timeout(PATIENCE, self.client.try_events(&path)).await;
            let Ok(resumed) = resumed else { continue };
            match resumed {
                Ok(events) => return Some(events),
                Err(error) if error.status() == Some(StatusCode::UNAUTHORIZED) => {
                    let _ = self.client.try_login(&self.email).await;
                }
                Err(error) => {
                    if let Some(status) = error.status().filter(|s| s.is_client_error()) {
                        self.broken(op, format!("resume of {run}: {status}"));
                        return None;
                    }
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    fn line(&self, op: u64, what: What) {
        self.recorder.line(&self.email, op, what);
    }

    fn unsure(&self, op: u64, why: &str) -> Told {
        let why = why.to_owned();
        self.line(op, What::Info { why });
        Told::Unsure
    }

    fn broken(&self, op: u64, why: String) {
        println!("broken: {why}");
        self.line(op, What::Broken { why });
    }
}

/// What a user's message says of itself.
#[must_use]
pub fn yes(message: &Value) -> Option<Yes> {
    Some(Yes {
        message: message["id"].as_i64()?,
        conversation: message["conversation_id"].as_str()?.to_owned(),
        run: message["run_id"].as_str()?.to_owned(),
    })
}

/// Whether a `run` frame tells of the end.
#[must_use]
pub fn ended(run: &Value) -> bool {
    let state = run["state"].as_str().unwrap_or_default();
    ["completed", "failed", "cancelled"].contains(&state)
}
