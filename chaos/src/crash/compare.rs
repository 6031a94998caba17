//! What only this trial can know, beside the history checker: who read what, and which model calls
//! were made again.

use std::collections::BTreeMap;

use serde_json::json;
use testkit::Client;
use testkit::scripted::Recorded;

use super::sender::Log;
use super::turns::Turn;
use crate::history::State;
use crate::reader::Reading;

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
    pub requests: usize,
    pub asked_again: usize,
}

impl Found<'_> {
    /// To be called before the state is collected: it sends everything again.
    pub async fn compare(&self, client: &Client) -> (Compared, Vec<String>) {
        let mut compared = Compared::default();
        let mut broken = Vec::new();
        for (who, reading) in [("socket", self.live), ("late", self.late)] {
            broken.extend(reading.broken.iter().map(|what| format!("{who}: {what}")));
        }
        self.repeats(client, &mut broken).await;
        self.bought(&mut compared, &mut broken);
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

    /// P3: every byte of the final revision exactly once, by socket from the beginning, by a socket
    /// that came late, and by SSE.
    pub fn streams(&self, state: &State, broken: &mut Vec<String>) {
        let all = state
            .accounts
            .values()
            .flat_map(|account| account.messages());
        for message in all.filter(|m| m["message_type"] == "assistant_response") {
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
}
