//! A client that sends one message after the other, reads each answer as server-sent events, goes on
//! from its cursor after a cut, and sends again what was not acknowledged.

use std::collections::HashMap;
use std::time::Duration;

use testkit::sse::EventStream;
use testkit::{Client, Transcript};
use tokio::sync::watch;

use super::turns::Turn;

/// Between attempts while the server is away.
const PAUSE: Duration = Duration::from_millis(40);
/// For one message and its whole answer, across a death.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the server is now: it comes back at another address.
#[derive(Clone)]
pub struct Address {
    pub url: watch::Receiver<String>,
    pub token: String,
}

impl Address {
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

pub struct Sender {
    address: Address,
    /// Where the messages go that are not alone.
    conversation: String,
    log: Log,
}

#[derive(Default)]
pub struct Log {
    pub read: Transcript,
    /// By key: the conversation that the acknowledgement named.
    pub acknowledged: HashMap<String, String>,
    pub broken: Vec<String>,
    pub attempts: usize,
    pub resumed: usize,
}

impl Sender {
    pub fn new(address: Address, conversation: &str) -> Self {
        Self {
            address,
            conversation: conversation.to_owned(),
            log: Log::default(),
        }
    }

    pub async fn run(mut self, turns: Vec<Turn>) -> Log {
        for turn in turns {
            let delivered = tokio::time::timeout(PATIENCE, self.deliver(&turn)).await;
            if delivered.is_err() {
                self.broken(format!("{}: no end after {PATIENCE:?}", turn.content));
            }
        }
        self.log
    }

    async fn deliver(&mut self, turn: &Turn) {
        let body = turn.body(&self.conversation);
        loop {
            self.log.attempts += 1;
            match self.address.client().try_send_stream(&body).await {
                Ok(Ok(events)) => {
                    if self.read(turn, events).await {
                        return;
                    }
                }
                Ok(Err(answer)) if answer.status == 503 => {}
                Ok(Err(answer)) => {
                    self.broken(format!("{}: {} {}", turn.key, answer.status, answer.body));
                    return;
                }
                Err(_) => {}
            }
            self.address.pause().await;
        }
    }

    /// Whether the run ended; otherwise the message must be sent again.
    async fn read(&mut self, turn: &Turn, mut events: EventStream) -> bool {
        let mut run: Option<String> = None;
        loop {
            let Some(Ok(event)) = events.next().await else {
                let (Some(run), Some(after)) = (&run, events.last_id.clone()) else {
                    return false;
                };
                events = self.resume(run, &after).await;
                self.log.resumed += 1;
                // Nothing new may come before the next cut: the place must not be forgotten.
                events.last_id = Some(after);
                continue;
            };
            if let Err(broken) = self.log.read.take(&event.data) {
                self.broken(broken);
            }
            let data = &event.data["data"];
            if event.event == "message"
                && data["client_message_id"] == turn.key.as_str()
                && let Some(conversation) = data["conversation_id"].as_str()
            {
                let (key, conversation) = (turn.key.clone(), conversation.to_owned());
                self.log.acknowledged.insert(key, conversation);
            }
            if let Some(id) = data["run_id"].as_str() {
                run = Some(id.to_owned());
            }
            if event.event == "reset" {
                self.broken(format!("{}: reset: {}", turn.key, event.data));
            }
            if event.event == "run" {
                match data["state"].as_str().unwrap_or_default() {
                    "completed" => return true,
                    "failed" | "cancelled" => {
                        self.broken(format!("{}: {}", turn.key, event.data));
                        return true;
                    }
                    _ => {}
                }
            }
        }
    }

    async fn resume(&mut self, run: &str, after: &str) -> EventStream {
        let path = format!("/chat/runs/{run}/events?after={after}");
        loop {
            match self.address.client().try_events(&path).await {
                Ok(events) => return events,
                Err(error) => {
                    if let Some(status) = error.status().filter(|s| s.is_client_error()) {
                        self.broken(format!("resume of {run}: {status}"));
                    }
                }
            }
            self.address.pause().await;
        }
    }

    fn broken(&mut self, what: String) {
        self.log.broken.push(what);
    }
}
