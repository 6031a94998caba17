//! The rules. Each message of `broken` names its rule first.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use serde_json::Value;

use super::{Account, Line, Message, Row, State, What, Yes};

/// What was compared, and what was broken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    pub attempts: usize,
    pub acknowledged: usize,
    pub unsure: usize,
    pub refused: usize,
    pub stored: usize,
    pub answers: usize,
    /// Answers that were begun again: revisions above the first.
    pub restarted: usize,
    /// Texts that somebody had read.
    pub seen: usize,
    pub todos: usize,
    pub rows: usize,
    pub runs: Vec<String>,
    pub broken: Vec<String>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} attempts at {} messages ({} acknowledged, {} unsure, {} refused) against {} stored \
             ones and {} rows; {} answers compared with their scripts ({} begun again); {} read texts \
             found again; {} todos; runs: {}",
            self.attempts,
            self.acknowledged + self.unsure + self.refused,
            self.acknowledged,
            self.unsure,
            self.refused,
            self.stored,
            self.rows,
            self.answers,
            self.restarted,
            self.seen,
            self.todos,
            self.runs.join(", "),
        )
    }
}

/// One message across all attempts.
struct Sent<'a> {
    message: &'a Message,
    /// Place of the first line.
    invoked: usize,
    /// Place of the first `ok`, and all that they said.
    acknowledged: Option<usize>,
    yes: Vec<&'a Yes>,
    /// An attempt of which nobody knows.
    unsure: bool,
}

type AllSent<'a> = HashMap<(&'a str, &'a str), Sent<'a>>;

/// Holds the log against the state.
#[must_use]
pub fn check(history: &[Line], state: &State) -> Verdict {
    let mut verdict = Verdict {
        rows: state.rows.len(),
        runs: state.runs.clone(),
        ..Verdict::default()
    };
    let contradictions = state.contradictions.iter();
    let found = contradictions.map(|what| format!("raw database: {what}"));
    verdict.broken.extend(found);
    let sent = fold(history, &mut verdict);
    for (email, account) in &state.accounts {
        stored(email, account, &sent, &mut verdict);
        answers(email, account, &sent, &mut verdict);
        todos(email, account, &sent, &mut verdict);
    }
    acknowledged(state, &sent, &mut verdict);
    seen(history, state, &mut verdict);
    rows(state, &mut verdict);
    verdict
}

/// The log by message.
fn fold<'a>(history: &'a [Line], verdict: &mut Verdict) -> AllSent<'a> {
    let mut all: AllSent = HashMap::new();
    let mut open: HashMap<u64, &Message> = HashMap::new();
    for (place, line) in history.iter().enumerate() {
        let account = line.account.as_str();
        match &line.what {
            What::Invoke(message) => {
                verdict.attempts += 1;
                open.insert(line.op, message);
                let key = (account, message.key.as_str());
                all.entry(key).or_insert_with(|| Sent {
                    message,
                    invoked: place,
                    acknowledged: None,
                    yes: Vec::new(),
                    unsure: false,
                });
            }
            What::Ok(yes) => {
                let message = open.remove(&line.op).expect("ok without invoke");
                let sent = all.get_mut(&(account, message.key.as_str())).unwrap();
                if sent.message.content != message.content {
                    verdict.broken.push(format!(
                        "another body with the same key was accepted: {message:?}"
                    ));
                }
                sent.acknowledged.get_or_insert(place);
                sent.yes.push(yes);
            }
            What::Fail { .. } => {
                open.remove(&line.op);
            }
            // Stays open, like one that was never answered.
            What::Info { .. } | What::Seen(_) => {}
            What::Broken { why } => verdict.broken.push(format!("{account}: {why}")),
        }
    }
    for line in history {
        if let (What::Invoke(message), true) = (&line.what, open.contains_key(&line.op)) {
            let key = (line.account.as_str(), message.key.as_str());
            all.get_mut(&key).unwrap().unsure = true;
        }
    }
    for sent in all.values() {
        match (sent.acknowledged, sent.unsure) {
            (Some(_), _) => verdict.acknowledged += 1,
            (None, true) => verdict.unsure += 1,
            (None, false) => verdict.refused += 1,
        }
    }
    all
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// Stored ⊆ acknowledged ∪ unsure; once, unchanged, in order.
fn stored(email: &str, account: &Account, sent: &AllSent, verdict: &mut Verdict) {
    let mut found = BTreeSet::new();
    for messages in account.conversations.values() {
        let mut latest = 0;
        for message in messages.iter().filter(|m| m["role"] == "user") {
            verdict.stored += 1;
            let key = text(message, "client_message_id");
            if !found.insert(key) {
                verdict.broken.push(format!("stored twice: {message}"));
            }
            let Some(sent) = sent.get(&(email, key)) else {
                verdict.broken.push(format!("never sent: {message}"));
                continue;
            };
            if text(message, "content") != sent.message.content {
                let was = &sent.message.content;
                verdict
                    .broken
                    .push(format!("changed: sent {was:?}, stored {message}"));
            }
            if sent.acknowledged.is_none() && !sent.unsure {
                verdict
                    .broken
                    .push(format!("refused and yet stored: {message}"));
            }
            // It was acknowledged before one was sent that now stands before it.
            if sent.acknowledged.is_some_and(|place| place < latest) {
                verdict.broken.push(format!("out of order: {message}"));
            }
            latest = latest.max(sent.invoked);
        }
    }
}

/// Acknowledged ⊆ stored, each time in the same words, and where they said.
fn acknowledged(state: &State, sent: &AllSent, verdict: &mut Verdict) {
    for ((email, key), sent) in sent {
        let Some(yes) = sent.yes.first() else {
            continue;
        };
        if sent.yes.iter().any(|other| other != yes) {
            let all = &sent.yes;
            verdict
                .broken
                .push(format!("{key}: told differently: {all:?}"));
        }
        let there = state.accounts.get(*email).and_then(|account| {
            let messages = account.conversations.get(&yes.conversation)?;
            let same = |m: &&Value| m["id"] == yes.message && m["client_message_id"] == *key;
            messages
                .iter()
                .find(|m| same(m) && text(m, "run_id") == yes.run)
        });
        if there.is_none() {
            let content = &sent.message.content;
            verdict.broken.push(format!(
                "acknowledged and lost: {email}: {content:?} as {yes:?}"
            ));
        }
    }
}

/// What the script says came of each message, complete and once.
fn answers(email: &str, account: &Account, sent: &AllSent, verdict: &mut Verdict) {
    let mut runs: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for message in account.messages() {
        runs.entry(text(message, "run_id"))
            .or_default()
            .push(message);
    }
    for (run, messages) in runs {
        let question = messages.iter().find(|m| m["role"] == "user");
        let key = question.map_or("", |m| text(m, "client_message_id"));
        let Some(sent) = sent.get(&(email, key)) else {
            verdict
                .broken
                .push(format!("run {run} answers nothing that was sent"));
            continue;
        };
        let expect = &sent.message.expect;
        let of = |kind: &str| -> Vec<&Value> {
            let all = messages.iter().copied();
            all.filter(|m| m["message_type"] == kind).collect()
        };
        let (said, calls, results) = (of("assistant_response"), of("tool_call"), of("tool_result"));
        verdict.answers += said.len();
        let again = said.iter().filter(|m| m["revision"].as_i64() > Some(1));
        verdict.restarted += again.count();
        let texts: Vec<&str> = said.iter().map(|m| text(m, "content")).collect();
        if texts != expect.answers {
            let wanted = &expect.answers;
            verdict.broken.push(format!(
                "answers: {wanted:?} wanted, got {texts:?} in run {run}"
            ));
        }
        for message in said.iter().filter(|m| m["status"] != "complete") {
            verdict.broken.push(format!("not complete: {message}"));
        }
        if (calls.len(), results.len()) != (expect.calls, expect.calls) {
            let (calls, results) = (calls.len(), results.len());
            verdict.broken.push(format!(
                "run {run}: {calls} calls and {results} results, {} wanted",
                expect.calls
            ));
        }
        for word in &expect.results {
            let word = format!("\"{word}\"");
            let told = results
                .iter()
                .filter(|m| text(m, "content").contains(&word));
            let told = told.count();
            if told != 1 {
                verdict
                    .broken
                    .push(format!("run {run}: {told} results tell of {word}"));
            }
        }
    }
}

/// The effect of each call exactly once: the todos are those of the messages that are there.
fn todos(email: &str, account: &Account, sent: &AllSent, verdict: &mut Verdict) {
    let keys = account.messages().filter(|m| m["role"] == "user");
    let mut wanted: Vec<&str> = keys
        .filter_map(|m| sent.get(&(email, text(m, "client_message_id"))))
        .flat_map(|sent| &sent.message.expect.todos)
        .map(String::as_str)
        .collect();
    let mut there: Vec<&str> = account.todos.iter().map(String::as_str).collect();
    wanted.sort_unstable();
    there.sort_unstable();
    verdict.todos += there.len();
    if wanted != there {
        verdict.broken.push(format!(
            "todos of {email}: {wanted:?} wanted, got {there:?}"
        ));
    }
}

/// What somebody has read is still there: in the message, or in the history of its revisions.
fn seen(history: &[Line], state: &State, verdict: &mut Verdict) {
    let mut kept: HashMap<(i64, i64), &str> = HashMap::new();
    for account in state.accounts.values() {
        for message in account.messages() {
            let id = (message["id"].as_i64(), message["revision"].as_i64());
            if let (Some(id), Some(revision)) = id {
                kept.insert((id, revision), text(message, "content"));
            }
        }
        for (message, revisions) in &account.revisions {
            let texts = revisions.iter();
            kept.extend(texts.map(|(revision, text)| ((*message, *revision), text.as_str())));
        }
    }
    for line in history {
        let What::Seen(seen) = &line.what else {
            continue;
        };
        verdict.seen += 1;
        let kept = kept.get(&(seen.message, seen.revision));
        if !kept.is_some_and(|kept| kept.starts_with(&seen.text)) {
            verdict
                .broken
                .push(format!("seen and gone: {seen:?}, kept {kept:?}"));
        }
    }
}

/// The API shows the rows, and nothing else.
fn rows(state: &State, verdict: &mut Verdict) {
    let mut shown: Vec<Row> = Vec::new();
    for (email, account) in &state.accounts {
        shown.extend(account.messages().map(|message| Row {
            id: message["id"].as_i64().unwrap_or_default(),
            account: email.clone(),
            key: message["client_message_id"].as_str().map(str::to_owned),
            status: text(message, "status").to_owned(),
            content: text(message, "content").to_owned(),
        }));
    }
    let (shown, there): (BTreeSet<&Row>, BTreeSet<&Row>) =
        (shown.iter().collect(), state.rows.iter().collect());
    for row in there.symmetric_difference(&shown) {
        let where_ = if shown.contains(row) {
            "API"
        } else {
            "database"
        };
        verdict
            .broken
            .push(format!("only in the {where_}: {row:?}"));
    }
}
