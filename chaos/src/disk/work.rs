//! What somebody does while the disk fails, and what they were told.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::client::Answer;
use testkit::{Client, Dice};

/// A request that hangs is as good as none.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is known of a message that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// "Nothing was changed": it must not be stored.
    Refused,
    /// It may be stored.
    Unsure,
    Acknowledged,
}

#[derive(Debug, Clone)]
pub struct Sent {
    pub key: String,
    pub tokens: usize,
    pub told: Told,
}

/// The log of one client.
#[derive(Default)]
pub struct Log {
    pub sent: Vec<Sent>,
    pub reads: usize,
    /// 503 with `not_writable`.
    pub refusals: usize,
    pub violations: Vec<String>,
}

/// How a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Waiting,
    Detached,
    Streamed,
}

pub struct Work {
    pub client: Client,
    pub log: Log,
    dice: Dice,
}

impl Work {
    pub fn new(client: Client, seed: u64) -> Self {
        Self {
            client,
            log: Log::default(),
            dice: Dice::new(seed),
        }
    }

    /// One message; answers its conversation where it was acknowledged.
    pub async fn send(
        &mut self,
        way: Way,
        conversation: Option<&str>,
        tokens: usize,
    ) -> Option<String> {
        let key = self.dice.uuid().to_string();
        let body = json!({
            "content": format!("{key} [[script: tokens={tokens} delay_ms=5]]"),
            "client_message_id": key,
            "conversation_id": conversation,
        });
        let sending = async {
            match way {
                Way::Waiting => self.client.try_post("/chat/messages", &body).await,
                Way::Detached => self.client.try_send_async(&body).await,
                Way::Streamed => match self.client.try_send_stream(&body).await {
                    Ok(Err(answer)) => Ok(answer),
                    Err(error) => Err(error),
                    Ok(Ok(mut events)) => {
                        let mut told = Told::Unsure;
                        let mut place = None;
                        while let Some(Ok(event)) = events.next().await {
                            let data = &event.data["data"];
                            if data["client_message_id"] == key.as_str() {
                                told = Told::Acknowledged;
                                place = data["conversation_id"].as_str().map(str::to_owned);
                            }
                        }
                        return Heard::Told(told, place);
                    }
                },
            }
            .map_or(Heard::Told(Told::Unsure, None), Heard::Answer)
        };
        let heard = tokio::time::timeout(PATIENCE, sending).await;
        let (told, place) = match heard.unwrap_or(Heard::Told(Told::Unsure, None)) {
            Heard::Told(told, place) => (told, place),
            Heard::Answer(answer) => self.judge(&key, &answer),
        };
        self.log.sent.push(Sent { key, tokens, told });
        place
    }

    fn judge(&mut self, key: &str, answer: &Answer) -> (Told, Option<String>) {
        match (answer.status, answer.code()) {
            (StatusCode::OK | StatusCode::ACCEPTED, _) => {
                let place = answer.body["conversation_id"].as_str().map(str::to_owned);
                (Told::Acknowledged, place)
            }
            (StatusCode::SERVICE_UNAVAILABLE, "not_writable") => {
                self.log.refusals += 1;
                (Told::Refused, None)
            }
            (StatusCode::SERVICE_UNAVAILABLE, "outcome_unknown" | "draining") => {
                (Told::Unsure, None)
            }
            // What the message before it left is still being worked on.
            (StatusCode::CONFLICT, "run_active") => (Told::Refused, None),
            _ => {
                let broken = format!("{key}: {} {}", answer.status, answer.body);
                self.log.violations.push(broken);
                (Told::Unsure, None)
            }
        }
    }

    /// Reads what is there: a disk that can't be written is no reason to refuse it.
    pub async fn read(&mut self) {
        let list = "/chat/conversations".to_owned();
        let Ok(answer) = self.client.try_get(&list).await else {
            return;
        };
        let first = answer.body["conversations"][0]["conversation_id"].as_str();
        let messages = first.map(|id| format!("/chat/conversations/{id}/messages"));
        for path in [Some(list), messages].into_iter().flatten() {
            match self.client.try_get(&path).await {
                Ok(answer) if answer.status == StatusCode::OK => self.log.reads += 1,
                Ok(answer) => self
                    .log
                    .violations
                    .push(format!("reading {path}: {} {}", answer.status, answer.body)),
                // The process has gone: others look at that.
                Err(_) => {}
            }
        }
    }

    /// Everything that touches the files: a short answer, a stream, a tool's effect, a deletion (the
    /// log is scrubbed after it), and again a message.
    pub async fn day(&mut self, old: &str) {
        let first = self.send(Way::Waiting, None, 3).await;
        self.send(Way::Streamed, first.as_deref(), 20).await;
        self.send(Way::Detached, None, 3).await;
        let _ = self
            .client
            .try_get(&format!("/chat/conversations/{old}"))
            .await;
        let path = format!("/chat/conversations/{old}");
        let request = self.client.request(reqwest::Method::DELETE, &path).send();
        if let Ok(Ok(response)) = tokio::time::timeout(PATIENCE, request).await {
            self.log.refusals += usize::from(response.status() == StatusCode::SERVICE_UNAVAILABLE);
        }
        self.send(Way::Waiting, None, 3).await;
    }
}

enum Heard {
    Answer(Answer),
    Told(Told, Option<String>),
}

/// What one client was told against what is there; everything that is broken.
pub async fn compare(client: &Client, log: &Log) -> Vec<String> {
    let mut broken = log.violations.clone();
    let mut all: Vec<Value> = Vec::new();
    for conversation in client.conversations().await {
        let id = conversation["conversation_id"].as_str().unwrap();
        all.extend(client.messages(id).await);
    }
    for sent in &log.sent {
        let stored: Vec<&Value> = all
            .iter()
            .filter(|message| message["client_message_id"] == sent.key.as_str())
            .collect();
        match (sent.told, stored.as_slice()) {
            (Told::Acknowledged, []) => broken.push(format!("acknowledged and lost: {sent:?}")),
            (Told::Refused, [_, ..]) => broken.push(format!("refused and yet stored: {sent:?}")),
            (_, [_, _, ..]) => broken.push(format!("stored twice: {sent:?}")),
            (_, []) => {}
            (_, [question]) => {
                let answers: Vec<&Value> = all
                    .iter()
                    .filter(|m| m["run_id"] == question["run_id"] && m["role"] == "assistant")
                    .collect();
                let text = testkit::scripted_text(sent.tokens);
                let whole = matches!(answers.as_slice(), [answer]
                    if answer["status"] == "complete" && answer["content"] == text.as_str());
                // What a backup caught half written ends, visibly, when it is restored.
                let ended = matches!(answers.as_slice(), [answer]
                    if answer["additional_data"]["error"]["code"] == "restored"
                        && text.starts_with(answer["content"].as_str().unwrap_or("?")));
                if !whole && !ended {
                    broken.push(format!("{sent:?} has no whole answer: {answers:?}"));
                }
            }
        }
    }
    broken
}
