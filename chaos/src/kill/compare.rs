//! After the last kill: what the clients were told against what is there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use serde_json::Value;
use testkit::transcript::Known;
use testkit::{Client, scripted_text};

use super::writer::{Log, Sent, Told};
use crate::database::Database;

#[derive(Default)]
pub struct Summary {
    acknowledged: usize,
    unsure: usize,
    stored: usize,
    answers: usize,
    restarted: usize,
    streams: usize,
    attempts: usize,
    resumed: usize,
    todos: usize,
    states: Vec<String>,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} acknowledged and {} unsure messages of {} attempts against {} stored ones; {} answers \
             compared with their scripts ({} begun again); {} read streams compared ({} resumed); \
             {} todos; runs: {}",
            self.acknowledged,
            self.unsure,
            self.attempts,
            self.stored,
            self.answers,
            self.restarted,
            self.streams,
            self.resumed,
            self.todos,
            self.states.join(", "),
        )
    }
}

/// What was compared, and everything that is broken.
pub async fn everything(logs: &[Log], database: &Database) -> (Summary, Vec<String>) {
    let mut summary = Summary {
        states: database.run_states().await,
        ..Summary::default()
    };
    let mut broken = database.contradictions().await;
    for log in logs {
        log.client.login(&log.email).await;
        broken.extend(log.violations.iter().cloned());
        summary.attempts += log.attempts;
        summary.resumed += log.resumed;
        writer(log, &mut summary, &mut broken).await;
    }
    (summary, broken)
}

async fn writer(log: &Log, summary: &mut Summary, broken: &mut Vec<String>) {
    let mut conversations = Vec::new();
    for conversation in log.client.conversations().await {
        let id = conversation["conversation_id"].as_str().unwrap().to_owned();
        conversations.push(log.client.messages(&id).await);
    }
    let all: Vec<&Value> = conversations.iter().flatten().collect();
    stored(log, &conversations, summary, broken);
    answers(log, &all, summary, broken);
    todos(log, summary, broken).await;
    for (id, known) in &log.read.messages {
        summary.streams += 1;
        if let Err(problem) = seen(&log.client, *id, known, &all).await {
            broken.push(problem);
        }
    }
}

/// Acknowledged ⊆ stored ⊆ acknowledged ∪ unsure; once each; in the order in which they were sent.
fn stored(
    log: &Log,
    conversations: &[Vec<Value>],
    summary: &mut Summary,
    broken: &mut Vec<String>,
) {
    let sent: HashMap<&str, &Sent> = log.sent.iter().map(|s| (s.key.as_str(), s)).collect();
    let place: HashMap<&str, usize> = log
        .sent
        .iter()
        .enumerate()
        .map(|(place, s)| (s.key.as_str(), place))
        .collect();
    let mut found = HashSet::new();
    for messages in conversations {
        let mut last = None;
        for message in messages.iter().filter(|m| m["role"] == "user") {
            summary.stored += 1;
            let key = message["client_message_id"].as_str().unwrap_or_default();
            if !found.insert(key) {
                broken.push(format!("stored twice: {message}"));
            }
            match sent.get(key) {
                None => broken.push(format!("never sent: {message}")),
                Some(sent) if message["content"] != sent.content.as_str() => {
                    broken.push(format!(
                        "changed: sent {:?}, stored {message}",
                        sent.content
                    ));
                }
                Some(sent) if sent.told == Told::Refused => {
                    broken.push(format!("refused and yet stored: {message}"));
                }
                Some(_) => {}
            }
            if last >= place.get(key).copied() {
                broken.push(format!("out of order: {message}"));
            }
            last = place.get(key).copied();
        }
    }
    for sent in &log.sent {
        match sent.told {
            Told::Acknowledged => summary.acknowledged += 1,
            Told::Unsure => summary.unsure += 1,
            Told::Refused => {}
        }
        if sent.told == Told::Acknowledged && !found.contains(sent.key.as_str()) {
            broken.push(format!("acknowledged and lost: {sent:?}"));
        }
    }
}

/// One final answer each, complete, and equal to its script.
fn answers(log: &Log, all: &[&Value], summary: &mut Summary, broken: &mut Vec<String>) {
    let sent: HashMap<&str, &Sent> = log.sent.iter().map(|s| (s.key.as_str(), s)).collect();
    let mut by_run: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for message in all {
        by_run
            .entry(message["run_id"].as_str().unwrap_or_default())
            .or_default()
            .push(message);
    }
    for (run, messages) in by_run {
        let question = messages.iter().find(|m| m["role"] == "user");
        let Some(sent) = question
            .and_then(|m| m["client_message_id"].as_str())
            .and_then(|key| sent.get(key))
        else {
            broken.push(format!(
                "run {run} answers nothing that was sent: {messages:?}"
            ));
            continue;
        };
        summary.answers += 1;
        let responses: Vec<&&Value> = messages
            .iter()
            .filter(|m| m["message_type"] == "assistant_response")
            .collect();
        summary.restarted += responses
            .iter()
            .filter(|m| m["revision"].as_i64() > Some(1))
            .count();
        let of = |kind: &str| {
            messages
                .iter()
                .filter(|m| m["message_type"] == kind)
                .count()
        };
        let calls = usize::from(sent.todo.is_some());
        let counts = (responses.len(), of("tool_call"), of("tool_result"));
        if counts != (calls + 1, calls, calls) {
            broken.push(format!(
                "run {run}: {counts:?} answers, calls, results: {messages:#?}"
            ));
            continue;
        }
        let last = responses[responses.len() - 1];
        if last["status"] != "complete" || last["content"] != scripted_text(sent.tokens).as_str() {
            broken.push(format!("{} tokens wanted, got {last}", sent.tokens));
        }
    }
}

/// The effect of each call exactly once.
async fn todos(log: &Log, summary: &mut Summary, broken: &mut Vec<String>) {
    let body = log.client.get("/todos").await.expect(200);
    let list = body
        .as_array()
        .or_else(|| body["todos"].as_array())
        .unwrap();
    let mut titles: Vec<&str> = list
        .iter()
        .filter_map(|todo| todo["title"].as_str())
        .collect();
    titles.sort_unstable();
    summary.todos += titles.len();
    let before = titles.len();
    titles.dedup();
    if titles.len() != before {
        broken.push(format!("{}: todos twice: {titles:?}", log.email));
    }
    for sent in log.sent.iter().filter(|s| s.told == Told::Acknowledged) {
        let Some(todo) = &sent.todo else { continue };
        if titles.binary_search(&todo.as_str()).is_err() {
            broken.push(format!("todo lost: {sent:?}"));
        }
    }
}

/// What somebody has read is still there: in the message, or in the history of its revisions.
pub async fn seen(client: &Client, id: i64, known: &Known, all: &[&Value]) -> Result<(), String> {
    let Some(message) = all.iter().find(|m| m["id"].as_i64() == Some(id)) else {
        return Err(format!("message {id} was seen and is gone: {known:?}"));
    };
    let conversation = message["conversation_id"].as_str().unwrap_or_default();
    let path = format!("/chat/conversations/{conversation}/messages/{id}/revisions");
    let mut texts: HashMap<i64, String> = HashMap::new();
    if message["revision"].as_i64() > Some(1) {
        let body = client.get(&path).await.expect(200);
        for old in body
            .as_array()
            .or_else(|| body["revisions"].as_array())
            .unwrap()
        {
            let text = old["content"].as_str().unwrap_or_default().to_owned();
            texts.insert(old["revision"].as_i64().unwrap_or_default(), text);
        }
    }
    let content = message["content"].as_str().unwrap_or_default().to_owned();
    texts.insert(message["revision"].as_i64().unwrap_or_default(), content);
    let views = known
        .before
        .iter()
        .map(|(revision, text)| (*revision, text));
    for (revision, text) in views.chain([(known.revision, &known.text)]) {
        let kept = texts.get(&revision).map_or("", String::as_str);
        if !kept.starts_with(text.as_str()) {
            return Err(format!(
                "message {id}, revision {revision}: seen {text:?}, kept {kept:?}"
            ));
        }
    }
    Ok(())
}
