//! A device of the user that approves every call that asks, across a death, and what then happened:
//! the ledger against the witness.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::Client;
use testkit::witness::Entry;
use tokio_util::sync::CancellationToken;

use super::turns::Turn;
use crate::reader::Address;

/// Between the record that a call is about to leave and the record of its outcome nobody knows what
/// became of it. At all other points each approved call is made.
const IN_DOUBT: [&str; 2] = ["after_intent", "after_effect"];

/// An operator's lines for a tool that has effects and asks first.
#[must_use]
pub fn order_tool(witness: &str) -> String {
    format!(
        "[[tools]]\nname = \"order\"\ndescription = \"Orders\"\nschema = {{ type = \"object\" }}\n\
         method = \"POST\"\nurl = \"{witness}/orders\"\nclass = \"effectful\"\npolicy = \"ask\"\n"
    )
}

#[derive(Debug, Default)]
pub struct Decisions {
    /// Answered with yes.
    pub heard: usize,
    /// The server died before it answered.
    pub unsure: usize,
    pub broken: Vec<String>,
}

/// Approves until it is stopped.
pub async fn approve(mut address: Address, stop: CancellationToken) -> Decisions {
    let mut decisions = Decisions::default();
    while !stop.is_cancelled() {
        let client = address.client();
        if let Ok(listed) = client.try_get("/chat/approvals").await {
            for approval in listed.body["approvals"].as_array().into_iter().flatten() {
                one(&client, approval, &mut decisions).await;
            }
        }
        tokio::select! {
            () = address.pause() => {}
            () = stop.cancelled() => {}
        }
    }
    decisions
}

async fn one(client: &Client, approval: &Value, decisions: &mut Decisions) {
    let path = format!(
        "/chat/approvals/{}",
        approval["approval_id"].as_str().unwrap()
    );
    let body = json!({"decision": "approve", "arguments_hash": approval["arguments_hash"]});
    match client.try_post(&path, &body).await {
        Ok(answer) if answer.status == StatusCode::OK => decisions.heard += 1,
        // What was not heard before may have been done.
        Ok(answer) if answer.code() == "already_decided" => {}
        Ok(answer) if answer.status.is_server_error() => decisions.unsure += 1,
        Ok(answer) => decisions
            .broken
            .push(format!("approval: {} {}", answer.status, answer.body)),
        Err(_) => decisions.unsure += 1,
    }
}

/// What became of the orders.
#[derive(Debug, Default)]
pub struct Ordered {
    pub made: usize,
    pub unknown: usize,
}

/// P5: at most one entry for each call; exactly one where it is said to have succeeded; what nobody
/// knows is said to be unknown, and shown. `ledger` is one JSON object for each call, `shown` what
/// the API lists as unknown.
pub fn compare(
    point: &str,
    turns: &[Turn],
    ledger: &[String],
    shown: &[Value],
    entries: &[Entry],
) -> (Ordered, Vec<String>) {
    let mut broken = Vec::new();
    let number = |arguments: &Value| arguments["n"].as_u64().unwrap_or_default();
    let mut made: BTreeMap<u64, usize> = BTreeMap::new();
    for entry in entries {
        *made.entry(number(&entry.body)).or_default() += 1;
    }
    let mut known: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for row in ledger {
        let row: Value = serde_json::from_str(row).unwrap();
        let state = row["state"].as_str().unwrap_or_default().to_owned();
        known
            .entry(number(&row["arguments"]))
            .or_default()
            .push(state);
    }
    let mut ordered = Ordered {
        made: entries.len(),
        ..Ordered::default()
    };
    let wanted: Vec<u64> = turns.iter().flat_map(|turn| turn.orders.clone()).collect();
    for order in &wanted {
        let times = made.remove(order).unwrap_or_default();
        let states = known.remove(order).unwrap_or_default();
        let states: Vec<&str> = states.iter().map(String::as_str).collect();
        let right = match states[..] {
            ["succeeded"] => times == 1,
            ["unknown"] => {
                ordered.unknown += 1;
                times <= 1 && IN_DOUBT.contains(&point)
            }
            _ => false,
        };
        if !right {
            broken.push(format!("order {order}: {states:?}, made {times} times"));
        }
    }
    if !made.is_empty() || !known.is_empty() {
        broken.push(format!("orders that nobody asked for: {made:?}, {known:?}"));
    }
    if shown.len() != ordered.unknown {
        let unknown = ordered.unknown;
        broken.push(format!("{unknown} unknown calls, shown are {shown:?}"));
    }
    (ordered, broken)
}

#[test]
fn a_call_that_was_made_twice_or_is_called_what_it_is_not_is_told() {
    let turn = Turn {
        orders: vec![1],
        ..super::turns::turns().remove(0)
    };
    let entry = Entry {
        at_ms: 0,
        method: "POST".to_owned(),
        path: "/orders".to_owned(),
        key: None,
        authorization: None,
        body: json!({"n": 1}),
    };
    let row = |state: &str| json!({"state": state, "arguments": {"n": 1}}).to_string();
    for (point, state, times, shown, honest) in [
        ("after_claim", "succeeded", 1, 0, true),
        ("after_claim", "succeeded", 0, 0, false),
        ("after_effect", "succeeded", 2, 0, false),
        ("after_effect", "unknown", 1, 1, true),
        ("after_intent", "unknown", 0, 1, true),
        ("after_effect", "unknown", 2, 1, false),
        ("after_effect", "unknown", 1, 0, false),
        ("after_claim", "unknown", 1, 1, false),
        ("after_claim", "failed", 0, 0, false),
    ] {
        let entries = vec![entry.clone(); times];
        let shown = vec![Value::Null; shown];
        let (_, broken) = compare(
            point,
            std::slice::from_ref(&turn),
            &[row(state)],
            &shown,
            &entries,
        );
        assert_eq!(
            broken.is_empty(),
            honest,
            "{point} {state} {times}: {broken:?}"
        );
    }
    let (_, broken) = compare("after_claim", &[], &[], &[], &[entry]);
    assert_eq!(broken.len(), 1);
}
