//! What the client was told against what is there.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testkit::Client;
use testkit::scripted::Recorded;

use super::reader::Reading;
use super::sender::Log;
use super::turns::Turn;
use crate::database::Database;
use crate::kill::compare::seen;

/// Points at which the model has answered in part or in full, and the answer is not yet recorded:
/// that call is made again. At all others each call is made once.
const ASKED_AGAIN: [&str; 3] = ["first_token", "mid_stream", "before_finish"];

/// All that came of a trial.
pub struct Found<'a> {
    pub point: &'static str,
    pub deaths: usize,
    pub turns: &'a [Turn],
    pub conversation: &'a str,
    pub log: &'a Log,
    /// The socket that was there from the beginning.
    pub live: &'a Reading,
    /// The socket that came at the end and read from the beginning.
    pub late: &'a Reading,
    pub requests: &'a [Recorded],
}

#[derive(Default)]
pub struct Compared {
    pub messages: usize,
    pub answers: usize,
    pub restarted: usize,
    pub requests: usize,
    pub asked_again: usize,
    pub todos: usize,
}

impl Found<'_> {
    pub async fn compare(&self, client: &Client, database: &Database) -> (Compared, Vec<String>) {
        let mut compared = Compared::default();
        let mut broken = database.contradictions().await;
        broken.extend(self.log.broken.iter().map(|what| format!("SSE: {what}")));
        broken.extend(
            self.live
                .broken
                .iter()
                .map(|what| format!("socket: {what}")),
        );
        broken.extend(self.late.broken.iter().map(|what| format!("late: {what}")));
        let states = database.run_states().await;
        if states != [format!("completed {}", self.turns.len())] {
            broken.push(format!("runs: {states:?}"));
        }
        self.repeats(client, &mut broken).await;
        let all = self.stored(client, &mut compared, &mut broken).await;
        for turn in self.turns {
            self.answered(turn, &all, &mut compared, &mut broken);
        }
        self.streams(client, &all, &mut broken).await;
        self.bought(&mut compared, &mut broken);
        self.todos(client, &mut compared, &mut broken).await;
        (compared, broken)
    }

    /// P2: the same again is the same answer and nothing new; another body with the key is refused.
    async fn repeats(&self, client: &Client, broken: &mut Vec<String>) {
        for turn in self.turns {
            let mut body = turn.body(self.conversation);
            let again = client.send(body.clone()).await;
            let last = turn.answers.last().map(String::as_str);
            if again.status != 200
                || again.body["user_message"]["client_message_id"] != turn.key.as_str()
                || again.body["ai_message"]["content"].as_str() != last
            {
                broken.push(format!("sent again: {} {}", again.status, again.body));
            }
            body["content"] = json!("something else");
            let other = client.try_send_async(&body).await.unwrap();
            if other.status != 409 {
                broken.push(format!("key used again: {} {}", other.status, other.body));
            }
        }
    }

    /// P1 and P2: each message once, as it was sent, where the acknowledgement said, in order.
    async fn stored(
        &self,
        client: &Client,
        compared: &mut Compared,
        broken: &mut Vec<String>,
    ) -> Vec<Value> {
        let mut all = Vec::new();
        for conversation in client.conversations().await {
            let id = conversation["conversation_id"].as_str().unwrap();
            let messages = client.messages(id).await;
            let alone = id != self.conversation;
            let keys = |turn: &&Turn| turn.alone == alone;
            let expected: Vec<(Option<&str>, Option<&str>)> = self
                .turns
                .iter()
                .filter(keys)
                .map(|turn| (Some(turn.key.as_str()), Some(turn.content.as_str())))
                .collect();
            let found: Vec<_> = messages
                .iter()
                .filter(|m| m["role"] == "user")
                .map(|m| (m["client_message_id"].as_str(), m["content"].as_str()))
                .collect();
            compared.messages += found.len();
            if found != expected {
                broken.push(format!("sent {expected:?}, stored {found:?}"));
            }
            all.extend(messages);
        }
        for turn in self.turns {
            let told = self.log.acknowledged.get(&turn.key).map(String::as_str);
            let places: Vec<_> = all
                .iter()
                .filter(|m| m["client_message_id"] == turn.key.as_str())
                .map(|m| m["conversation_id"].as_str())
                .collect();
            if told.is_none() || places != [told] {
                broken.push(format!(
                    "{} acknowledged in {told:?}, stored in {places:?}",
                    turn.key
                ));
            }
        }
        all
    }

    /// P4: one message per model call and call, all complete, the texts those of the script.
    fn answered(
        &self,
        turn: &Turn,
        all: &[Value],
        compared: &mut Compared,
        broken: &mut Vec<String>,
    ) {
        let run = all
            .iter()
            .find(|m| m["client_message_id"] == turn.key.as_str())
            .map(|m| &m["run_id"]);
        let of = |kind: &str| -> Vec<&Value> {
            all.iter()
                .filter(|m| Some(&m["run_id"]) == run && m["message_type"] == kind)
                .collect()
        };
        let (answers, calls, results) =
            (of("assistant_response"), of("tool_call"), of("tool_result"));
        compared.answers += answers.len();
        compared.restarted += answers
            .iter()
            .filter(|m| m["revision"].as_i64() > Some(1))
            .count();
        let texts: Vec<_> = answers
            .iter()
            .map(|m| m["content"].as_str().unwrap_or(""))
            .collect();
        if texts != turn.answers {
            broken.push(format!("{:?} wanted, got {}", turn.answers, list(&answers)));
        }
        if answers.iter().any(|m| m["status"] != "complete") {
            broken.push(format!("not complete: {}", list(&answers)));
        }
        if (calls.len(), results.len()) != (turn.calls(), turn.calls()) {
            let (calls, results) = (list(&calls), list(&results));
            broken.push(format!("{}: calls {calls}; results {results}", turn.key));
        }
        for word in turn.todos.iter().chain(&turn.sums) {
            let word = format!("\"{word}\"");
            let tells = |m: &&&Value| m["content"].as_str().is_some_and(|c| c.contains(&word));
            let told = results.iter().filter(tells).count();
            if told != 1 {
                broken.push(format!("{told} results tell of {word}: {}", list(&results)));
            }
        }
    }

    /// P3: every byte of the final revision exactly once, by socket from the beginning, by a socket
    /// that came late, and by SSE; what was seen of older revisions is kept.
    async fn streams(&self, client: &Client, all: &[Value], broken: &mut Vec<String>) {
        let every: Vec<&Value> = all.iter().collect();
        for message in all
            .iter()
            .filter(|m| m["message_type"] == "assistant_response")
        {
            let id = message["id"].as_i64().unwrap();
            let content = message["content"].as_str().unwrap_or_default();
            let key = (id, message["revision"].as_i64().unwrap_or_default());
            let here = message["conversation_id"] == self.conversation;
            for (who, reading, reads) in [("socket", self.live, here), ("late", self.late, true)] {
                let read = reading.texts.get(&key).map_or("", String::as_str);
                if reads && read != content {
                    broken.push(format!("{who} read {read:?} of {message}"));
                }
            }
            let read = self
                .log
                .read
                .messages
                .get(&id)
                .map(|known| known.text.as_str());
            if read != Some(content) {
                broken.push(format!("SSE read {read:?} of {message}"));
            }
        }
        for (id, known) in &self.log.read.messages {
            if let Err(problem) = seen(client, *id, known, &every).await {
                broken.push(problem);
            }
        }
    }

    /// P4: a model answer that was recorded is not asked for again.
    fn bought(&self, compared: &mut Compared, broken: &mut Vec<String>) {
        let mut asked: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for request in self.requests {
            let messages = request.messages();
            let Some(at) = messages.iter().rposition(|m| m["role"] == "user") else {
                broken.push(format!("asked without a question: {:?}", request.body));
                continue;
            };
            let said = messages[at]["content"].to_string();
            // Ends with the number: "Message 1 [[".
            let turn = (1..=self.turns.len()).find(|n| said.contains(&format!("Message {n} ")));
            let step = messages[at..]
                .iter()
                .filter(|m| {
                    m["tool_calls"]
                        .as_array()
                        .is_some_and(|calls| !calls.is_empty())
                })
                .count();
            *asked.entry((turn.unwrap_or_default(), step)).or_default() += 1;
        }
        let once: Vec<(usize, usize)> = self
            .turns
            .iter()
            .enumerate()
            .flat_map(|(turn, t)| (0..t.answers.len()).map(move |step| (turn + 1, step)))
            .collect();
        compared.requests = self.requests.len();
        compared.asked_again = self.requests.len().saturating_sub(once.len());
        // Once for each death.
        let again = if ASKED_AGAIN.contains(&self.point) {
            self.deaths
        } else {
            0
        };
        if !asked.keys().eq(once.iter()) || compared.asked_again != again {
            broken.push(format!(
                "{again} model calls to be made again; made by turn and step: {asked:?}"
            ));
        }
    }

    /// P5b: rows = distinct calls.
    async fn todos(&self, client: &Client, compared: &mut Compared, broken: &mut Vec<String>) {
        let body = client.get("/todos").await.expect(200);
        let list = body
            .as_array()
            .or_else(|| body["todos"].as_array())
            .unwrap();
        let mut titles: Vec<_> = list
            .iter()
            .filter_map(|todo| todo["title"].as_str())
            .collect();
        titles.sort_unstable();
        let mut wanted: Vec<_> = self
            .turns
            .iter()
            .flat_map(|turn| turn.todos.clone())
            .collect();
        wanted.sort_unstable();
        compared.todos = titles.len();
        if titles != wanted {
            broken.push(format!("todos {titles:?}, wanted {wanted:?}"));
        }
    }
}

fn list(messages: &[&Value]) -> String {
    let texts: Vec<String> = messages.iter().map(ToString::to_string).collect();
    texts.join(", ")
}
