//! A client that sends, is cut off, sends again, and keeps a log of what it was told.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::client::Answer;
use testkit::{Client, Dice, Transcript};
use tokio_util::sync::CancellationToken;

/// Between attempts while the server is away or the conversation busy.
const PAUSE: Duration = Duration::from_millis(40);
/// Messages of one conversation before the next begins.
const PER_CONVERSATION: usize = 6;

/// How sure the client is that a message was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// Every attempt was refused: it must not be stored.
    Refused,
    /// An attempt broke off: it may be stored.
    Unsure,
    Acknowledged,
}

#[derive(Debug, Clone)]
pub struct Sent {
    pub key: String,
    pub content: String,
    /// Text of the answer.
    pub tokens: usize,
    /// Title of the todo that the answer adds.
    pub todo: Option<String>,
    pub told: Told,
    pub conversation: Option<String>,
}

pub struct Log {
    pub client: Client,
    pub email: String,
    /// In the order in which they were first sent.
    pub sent: Vec<Sent>,
    /// What was read of streams, across cuts.
    pub read: Transcript,
    /// Promises seen broken on the way.
    pub violations: Vec<String>,
    pub attempts: usize,
    pub resumed: usize,
}

pub struct Writer {
    number: u64,
    dice: Dice,
    stop: CancellationToken,
    log: Log,
}

enum Outcome {
    Done(Told),
    /// Try again with the same key.
    Again(Told),
}

impl Writer {
    pub fn new(number: u64, client: Client, dice: Dice, stop: CancellationToken) -> Self {
        let email = format!("writer{number}@example.org");
        let log = Log {
            client,
            email,
            sent: Vec::new(),
            read: Transcript::default(),
            violations: Vec::new(),
            attempts: 0,
            resumed: 0,
        };
        Self {
            number,
            dice,
            stop,
            log,
        }
    }

    pub async fn run(mut self) -> Log {
        let mut conversation: Option<String> = None;
        let mut in_conversation = 0;
        while !self.stop.is_cancelled() {
            if in_conversation == PER_CONVERSATION {
                conversation = None;
                in_conversation = 0;
            }
            let mut sent = self.next_message(conversation.clone());
            self.deliver(&mut sent).await;
            // Where the answer to a new conversation was lost, its name was too.
            conversation.clone_from(&sent.conversation);
            in_conversation += 1;
            self.log.sent.push(sent);
        }
        self.log
    }

    fn next_message(&mut self, conversation: Option<String>) -> Sent {
        let number = self.log.sent.len();
        let tokens = self.dice.within(1..40) as usize;
        let delay = self.dice.within(0..15);
        let todo = self
            .dice
            .one_in(4)
            .then(|| format!("todo {} {number}", self.number));
        let call = todo
            .as_ref()
            .map(|title| format!("tool=todo_add args={} ", json!({"title": title})))
            .unwrap_or_default();
        Sent {
            key: self.dice.uuid().to_string(),
            content: format!(
                "writer {} message {number} [[script: {call}tokens={tokens} delay_ms={delay}]]",
                self.number
            ),
            tokens,
            todo,
            told: Told::Refused,
            conversation,
        }
    }

    /// Sends until the server says yes, or gives up where that is fair.
    async fn deliver(&mut self, sent: &mut Sent) {
        let body = json!({
            "content": sent.content,
            "client_message_id": sent.key,
            "conversation_id": sent.conversation,
        });
        let way = self.dice.within(0..3);
        loop {
            self.log.attempts += 1;
            let outcome = match way {
                0 => self.plain(&body, sent).await,
                1 => self.detached(&body, sent).await,
                _ => self.streamed(&body, sent).await,
            };
            match outcome {
                Outcome::Done(told) => {
                    sent.told = sent.told.max(told);
                    return;
                }
                Outcome::Again(told) => {
                    sent.told = sent.told.max(told);
                    let gives_up = sent.told == Told::Unsure && self.dice.one_in(6);
                    if gives_up || self.stop.is_cancelled() {
                        return;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Waits for the end of the run.
    async fn plain(&mut self, body: &Value, sent: &mut Sent) -> Outcome {
        match self.log.client.try_post("/chat/messages", body).await {
            Ok(answer) => self.judge(answer, StatusCode::OK, sent).await,
            Err(_) => Outcome::Again(Told::Unsure),
        }
    }

    /// Is content with the acknowledgement.
    async fn detached(&mut self, body: &Value, sent: &mut Sent) -> Outcome {
        match self.log.client.try_send_async(body).await {
            Ok(answer) => self.judge(answer, StatusCode::ACCEPTED, sent).await,
            Err(_) => Outcome::Again(Told::Unsure),
        }
    }

    async fn judge(&mut self, answer: Answer, yes: StatusCode, sent: &mut Sent) -> Outcome {
        if answer.status == yes {
            sent.conversation = answer.body["conversation_id"].as_str().map(str::to_owned);
            if answer.body["user_message"]["client_message_id"] != sent.key.as_str() {
                self.violation(format!(
                    "{}: an answer to something else: {}",
                    sent.key, answer.body
                ));
            }
            return Outcome::Done(Told::Acknowledged);
        }
        match (answer.status.as_u16(), answer.code()) {
            // The answer before is still being written.
            (409, "run_active") => Outcome::Again(Told::Refused),
            (401, _) => {
                let _ = self.log.client.try_login(&self.log.email).await;
                Outcome::Again(Told::Refused)
            }
            (429, _) => Outcome::Again(Told::Refused),
            // Draining, or the outcome of the commit is unknown.
            (503, _) => Outcome::Again(Told::Unsure),
            _ => {
                self.violation(format!("{}: {} {}", sent.key, answer.status, answer.body));
                Outcome::Done(Told::Unsure)
            }
        }
    }

    /// Reads the run's events, and goes on reading after a cut where it left off.
    async fn streamed(&mut self, body: &Value, sent: &mut Sent) -> Outcome {
        let mut events = match self.log.client.try_send_stream(body).await {
            Ok(Ok(events)) => events,
            Ok(Err(answer)) => return self.judge(answer, StatusCode::OK, sent).await,
            Err(_) => return Outcome::Again(Told::Unsure),
        };
        let mut told = Told::Unsure;
        let mut run = None;
        loop {
            match events.next().await {
                Some(Ok(event)) => {
                    if let Err(broken) = self.log.read.take(&event.data) {
                        self.violation(broken);
                    }
                    let data = &event.data["data"];
                    if event.event == "message" && data["client_message_id"] == sent.key.as_str() {
                        told = Told::Acknowledged;
                        sent.conversation = data["conversation_id"].as_str().map(str::to_owned);
                    }
                    if let Some(id) = data["run_id"].as_str() {
                        run = Some(id.to_owned());
                    }
                    if event.event == "reset" {
                        self.violation(format!("{}: reset: {}", sent.key, event.data));
                    }
                    let state = data["state"].as_str().unwrap_or_default();
                    let over = ["completed", "failed", "cancelled"].contains(&state);
                    if event.event == "run" && over {
                        return Outcome::Done(told);
                    }
                }
                // Cut, or an orderly end before the run's: both are followed up.
                Some(Err(_)) | None => {
                    let Some(run) = &run else {
                        return Outcome::Again(told);
                    };
                    let Some(after) = events.last_id.clone() else {
                        return Outcome::Again(told);
                    };
                    let Some(resumed) = self.resume(run, &after).await else {
                        return if told == Told::Acknowledged {
                            Outcome::Done(told)
                        } else {
                            Outcome::Again(told)
                        };
                    };
                    self.log.resumed += 1;
                    events = resumed;
                    // Nothing new may come before the next cut: the place must not be forgotten.
                    events.last_id = Some(after);
                }
            }
        }
    }

    async fn resume(&mut self, run: &str, after: &str) -> Option<testkit::sse::EventStream> {
        let path = format!("/chat/runs/{run}/events?after={after}");
        while !self.stop.is_cancelled() {
            match self.log.client.try_events(&path).await {
                Ok(events) => return Some(events),
                Err(error)
                    if error
                        .status()
                        .is_some_and(|s| s == StatusCode::UNAUTHORIZED) =>
                {
                    let _ = self.log.client.try_login(&self.log.email).await;
                }
                Err(error) => {
                    if let Some(status) = error.status().filter(|s| s.is_client_error()) {
                        self.violation(format!("resume of {run}: {status}"));
                        return None;
                    }
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    fn violation(&mut self, what: String) {
        println!("broken: {what}");
        self.log.violations.push(what);
    }
}
