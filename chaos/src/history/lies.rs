//! A proof that cannot fail proves nothing: the checker is told each kind of lie, and must find it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Account, Expected, Line, Message, Row, Seen, State, What, Yes, check};

const EMAIL: &str = "a@example.org";

fn message(key: &str, conversation: Option<&str>) -> Message {
    Message {
        key: key.to_owned(),
        content: format!("words of {key}"),
        conversation: conversation.map(str::to_owned),
        expect: Expected {
            answers: vec![String::new(), "tok0 tok1".to_owned()],
            calls: 1,
            todos: vec![format!("todo of {key}")],
            results: vec![format!("todo of {key}")],
        },
    }
}

fn yes(message: i64, run: &str) -> What {
    What::Ok(Yes {
        message,
        conversation: "c".to_owned(),
        run: run.to_owned(),
    })
}

fn info() -> What {
    let why = "connection reset".to_owned();
    What::Info { why }
}

fn fail() -> What {
    let why = "409 run_active".to_owned();
    What::Fail { why }
}

fn lines(all: impl IntoIterator<Item = (u64, What)>) -> Vec<Line> {
    let line = |(op, what)| Line {
        at_ms: 0,
        account: EMAIL.to_owned(),
        op,
        what,
    };
    all.into_iter().map(line).collect()
}

fn invoke(key: &str) -> What {
    What::Invoke(message(key, Some("c")))
}

/// `one` was acknowledged at its second attempt, `two` broke off, `three` was refused.
fn history() -> Vec<Line> {
    lines([
        (1, invoke("one")),
        (1, info()),
        (2, invoke("one")),
        (2, yes(1, "r1")),
        (
            2,
            What::Seen(Seen {
                message: 4,
                revision: 1,
                text: "tok0 to".to_owned(),
            }),
        ),
        (
            2,
            What::Seen(Seen {
                message: 4,
                revision: 2,
                text: "tok0 tok1".to_owned(),
            }),
        ),
        (3, invoke("two")),
        (3, info()),
        (4, invoke("three")),
        (4, fail()),
    ])
}

fn turn(first: i64, key: &str, run: &str) -> Vec<Value> {
    let row = |id: i64, role: &str, kind: &str, content: &str| {
        json!({"id": id, "role": role, "message_type": kind, "content": content, "run_id": run,
            "status": "complete", "revision": 1, "conversation_id": "c", "client_message_id": null})
    };
    let title = format!("{{\"title\":\"todo of {key}\"}}");
    let mut all = vec![
        row(first, "user", "user_input", &format!("words of {key}")),
        row(first + 1, "assistant", "assistant_response", ""),
        row(first + 2, "tool", "tool_call", "{}"),
        row(first + 2, "tool", "tool_result", &title),
        row(first + 3, "assistant", "assistant_response", "tok0 tok1"),
    ];
    all[0]["client_message_id"] = json!(key);
    all
}

/// The raw rows of what the API shows.
fn same_rows(state: &mut State) {
    let messages = state.accounts[EMAIL].messages();
    state.rows = messages
        .map(|m| Row {
            id: m["id"].as_i64().unwrap(),
            account: EMAIL.to_owned(),
            key: m["client_message_id"].as_str().map(str::to_owned),
            status: m["status"].as_str().unwrap().to_owned(),
            content: m["content"].as_str().unwrap().to_owned(),
        })
        .collect();
}

fn state() -> State {
    let mut messages = turn(1, "one", "r1");
    messages[4]["revision"] = json!(2);
    messages.extend(turn(11, "two", "r2"));
    let account = Account {
        conversations: BTreeMap::from([("c".to_owned(), messages)]),
        revisions: BTreeMap::from([(4, BTreeMap::from([(1, "tok0 tok".to_owned())]))]),
        todos: vec!["todo of one".to_owned(), "todo of two".to_owned()],
    };
    let mut state = State {
        accounts: BTreeMap::from([(EMAIL.to_owned(), account)]),
        ..State::default()
    };
    same_rows(&mut state);
    state
}

fn messages(state: &mut State) -> &mut Vec<Value> {
    let account = state.accounts.get_mut(EMAIL).unwrap();
    account.conversations.get_mut("c").unwrap()
}

#[test]
fn the_truth_passes() {
    let verdict = check(&history(), &state());
    assert_eq!(verdict.broken, Vec::<String>::new());
    let told = (
        verdict.attempts,
        verdict.acknowledged,
        verdict.unsure,
        verdict.refused,
    );
    assert_eq!(told, (4, 1, 1, 1));
    let compared = (
        verdict.stored,
        verdict.answers,
        verdict.restarted,
        verdict.seen,
    );
    assert_eq!(compared, (2, 4, 1, 2));
    assert_eq!((verdict.todos, verdict.rows), (2, 10));
}

#[test]
fn what_nobody_knows_may_be_absent() {
    let mut state = state();
    messages(&mut state).truncate(5);
    state.accounts.get_mut(EMAIL).unwrap().todos.pop();
    same_rows(&mut state);
    assert_eq!(check(&history(), &state).broken, Vec::<String>::new());
}

#[test]
fn a_request_that_was_never_answered_is_one_of_which_nobody_knows() {
    let mut history = history();
    history.retain(|line| !(line.op == 3 && matches!(line.what, What::Info { .. })));
    assert_eq!(check(&history, &state()).broken, Vec::<String>::new());
}

/// Each lie is found, and by the rule that it breaks.
#[test]
fn every_lie_about_the_log_is_found() {
    type Lie = (&'static str, fn(&mut Vec<Line>));
    let lies: [Lie; 9] = [
        ("acknowledged and lost", |history| {
            history.extend(lines([(9, invoke("four")), (9, yes(21, "r4"))]));
        }),
        ("acknowledged and lost", |history| {
            // Under another id than was said.
            history[3].what = yes(3, "r1");
        }),
        ("told differently", |history| {
            history.extend(lines([(9, invoke("one")), (9, yes(2, "r1"))]));
        }),
        ("never sent", |history| {
            history.retain(|line| line.op != 3);
        }),
        ("refused and yet stored", |history| {
            history[7].what = fail();
        }),
        ("out of order", |history| {
            // `two` was over and acknowledged before `one` was first sent.
            history.splice(0..0, lines([(9, invoke("two")), (9, yes(11, "r2"))]));
        }),
        ("another body", |history| {
            let mut other = message("one", Some("c"));
            other.content.push('!');
            history.extend(lines([(9, What::Invoke(other)), (9, yes(1, "r1"))]));
        }),
        ("seen and gone", |history| {
            history.extend(lines([(
                2,
                What::Seen(Seen {
                    message: 4,
                    revision: 1,
                    text: "tok0 tok1".to_owned(),
                }),
            )]));
        }),
        ("a hole", |history| {
            let why = "a hole".to_owned();
            history.extend(lines([(2, What::Broken { why })]));
        }),
    ];
    for (rule, lie) in lies {
        let mut history = history();
        lie(&mut history);
        found(rule, &check(&history, &state()).broken);
    }
}

#[test]
fn every_lie_about_the_state_is_found() {
    type Lie = (&'static str, fn(&mut State));
    let lies: [Lie; 14] = [
        ("acknowledged and lost", |state| {
            messages(state).drain(..5);
        }),
        ("stored twice", |state| {
            let again = messages(state)[0].clone();
            messages(state).push(again);
        }),
        ("changed", |state| {
            messages(state)[0]["content"] = json!("other words");
        }),
        ("answers nothing", |state| {
            messages(state)[4]["run_id"] = json!("r9");
        }),
        ("answers:", |state| {
            messages(state)[4]["content"] = json!("tok0 tok1 tok1");
        }),
        ("answers:", |state| {
            messages(state).remove(4);
        }),
        ("not complete", |state| {
            messages(state)[4]["status"] = json!("streaming");
        }),
        ("calls and", |state| {
            messages(state).remove(3);
        }),
        ("results tell", |state| {
            messages(state)[3]["content"] = json!("{}");
        }),
        ("todos of", |state| {
            let todos = &mut state.accounts.get_mut(EMAIL).unwrap().todos;
            todos.push("todo of one".to_owned());
        }),
        ("todos of", |state| {
            state.accounts.get_mut(EMAIL).unwrap().todos.pop();
        }),
        ("seen and gone", |state| {
            state.accounts.get_mut(EMAIL).unwrap().revisions.clear();
        }),
        ("raw database", |state| {
            state.contradictions.push("key twice".to_owned());
        }),
        ("seen and gone", |state| {
            messages(state)[4]["content"] = json!("tok0");
        }),
    ];
    for (rule, lie) in lies {
        let mut state = state();
        lie(&mut state);
        same_rows(&mut state);
        found(rule, &check(&history(), &state).broken);
    }
}

#[test]
fn a_row_that_the_api_hides_or_invents_is_found() {
    let mut hidden = state();
    let mut row = hidden.rows[0].clone();
    row.id = 99;
    hidden.rows.push(row);
    found("only in the database", &check(&history(), &hidden).broken);
    let mut invented = state();
    invented.rows.pop();
    found("only in the API", &check(&history(), &invented).broken);
}

#[test]
fn a_log_survives_its_file() {
    for line in history() {
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line);
    }
}

#[track_caller]
fn found(rule: &str, broken: &[String]) {
    let told = broken.iter().any(|what| what.contains(rule));
    assert!(told, "{rule:?} was not found; found: {broken:#?}");
}
