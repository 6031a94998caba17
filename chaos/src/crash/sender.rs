//! A client that sends one message after the other, reads each answer as server-sent events, goes on
//! from its cursor after a cut, and sends again what was not acknowledged.

use std::time::Duration;

use testkit::Transcript;
use testkit::sse::EventStream;

use super::turns::Turn;
use crate::history::{Recorder, What};
use crate::reader::Address;
use crate::sender::{ended, yes};

/// For one message and its whole answer, across two deaths and the leases that they leave.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Sender {
    address: Address,
    /// Where the messages go that are not alone.
    conversation: String,
    email: String,
    recorder: Recorder,
    /// Of the present attempt.
    op: u64,
    log: Log,
}

#[derive(Default)]
pub struct Log {
    pub read: Transcript,
    /// Where the acknowledged messages are.
    pub conversations: Vec<String>,
    pub resumed: usize,
}

impl Sender {
    pub fn new(address: Address, conversation: &str, email: &str, recorder: Recorder) -> Self {
        Self {
            address,
            conversation: conversation.to_owned(),
            email: email.to_owned(),
            recorder,
            op: 0,
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
        self.recorder.seen(&self.email, self.op, &self.log.read);
        self.log
    }

    async fn deliver(&mut self, turn: &Turn) {
        let body = turn.body(&self.conversation);
        loop {
            let message = turn.message(&self.conversation);
            self.op = self.recorder.invoke(&self.email, &message);
            match self.address.client().try_send_stream(&body).await {
                Ok(Ok(events)) => {
                    if self.read(turn, events).await {
                        return;
                    }
                }
                Ok(Err(answer)) if answer.status == 503 => self.unsure("503"),
                Ok(Err(answer)) => {
                    let why = format!("{}: {} {}", turn.key, answer.status, answer.body);
                    self.line(What::Fail { why: why.clone() });
                    self.broken(why);
                    return;
                }
                Err(error) => self.unsure(&error.to_string()),
            }
            self.address.pause().await;
        }
    }

    /// Whether the run ended; otherwise the message must be sent again.
    async fn read(&mut self, turn: &Turn, mut events: EventStream) -> bool {
        let mut run: Option<String> = None;
        let mut acknowledged = false;
        loop {
            let Some(Ok(event)) = events.next().await else {
                let (Some(run), Some(after)) = (&run, events.last_id.clone()) else {
                    if !acknowledged {
                        self.unsure("the stream broke off");
                    }
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
                && !acknowledged
                && let Some(yes) = yes(data)
            {
                acknowledged = true;
                self.log.conversations.push(yes.conversation.clone());
                self.line(What::Ok(yes));
            }
            if let Some(id) = data["run_id"].as_str() {
                run = Some(id.to_owned());
            }
            if event.event == "reset" {
                self.broken(format!("{}: reset: {}", turn.key, event.data));
            }
            if event.event == "run" && ended(data) {
                return true;
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

    fn line(&self, what: What) {
        self.recorder.line(&self.email, self.op, what);
    }

    fn unsure(&self, why: &str) {
        let why = why.to_owned();
        self.line(What::Info { why });
    }

    fn broken(&self, why: String) {
        self.line(What::Broken { why });
    }
}
