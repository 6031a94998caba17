//! What the client says in every trial: enough for each point to be reached three times.

use serde_json::{Value, json};
use testkit::scripted_text;

use crate::history::{Expected, Message};

/// One message and what must come of it.
#[derive(Debug, Clone)]
pub struct Turn {
    pub key: String,
    pub content: String,
    /// Text of each answer, the final one last: one model call each.
    pub answers: Vec<String>,
    pub todos: Vec<&'static str>,
    /// What the calculator said.
    pub sums: Vec<&'static str>,
    /// Numbers of what is ordered, each after an approval.
    pub orders: Vec<u64>,
    /// In a conversation that the message itself makes.
    pub alone: bool,
}

/// Tools in two steps; a plain one; a tool that asks, twice at once and then again; tools in one
/// step.
pub fn turns() -> Vec<Turn> {
    let one = "before=2 delay_ms=40 tool=todo_add args={\"title\":\"milk\"} \
               tool=calculator args={\"expression\":\"6*7\"} \
               then before=1 delay_ms=15 tool=todo_add args={\"title\":\"bread\"} \
               tool=calculator args={\"expression\":\"10+1\"} \
               then delay_ms=15 tokens=12";
    let two = "delay_ms=15 tokens=16";
    let asking = "tool=order args={\"n\":1} tool=order args={\"n\":2} \
                  then before=1 delay_ms=15 tool=order args={\"n\":3} \
                  then delay_ms=15 tokens=7";
    let three = "before=3 delay_ms=15 tool=todo_add args={\"title\":\"eggs\"} \
                 tool=calculator args={\"expression\":\"2^10\"} \
                 then delay_ms=15 tokens=9";
    let turn = |number: u32, script: &str, tokens: &[usize]| Turn {
        key: format!("0190a0a0-0000-4000-8000-00000000000{number}"),
        content: format!("Message {number} [[script: {script}]]"),
        answers: tokens.iter().map(|tokens| scripted_text(*tokens)).collect(),
        todos: Vec::new(),
        sums: Vec::new(),
        orders: Vec::new(),
        alone: false,
    };
    vec![
        Turn {
            todos: vec!["milk", "bread"],
            sums: vec!["42", "11"],
            ..turn(1, one, &[2, 1, 12])
        },
        Turn {
            alone: true,
            ..turn(2, two, &[16])
        },
        Turn {
            orders: vec![1, 2, 3],
            ..turn(3, asking, &[0, 1, 7])
        },
        Turn {
            todos: vec!["eggs"],
            sums: vec!["1024"],
            ..turn(4, three, &[3, 9])
        },
    ]
}

impl Turn {
    /// What is sent, each time the same. `conversation` is where it goes unless it is alone.
    pub fn body(&self, conversation: &str) -> Value {
        json!({
            "content": self.content,
            "client_message_id": self.key,
            "conversation_id": (!self.alone).then_some(conversation),
        })
    }

    /// For the log.
    pub fn message(&self, conversation: &str) -> Message {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Message {
            key: self.key.clone(),
            content: self.content.clone(),
            conversation: (!self.alone).then(|| conversation.to_owned()),
            expect: Expected {
                answers: self.answers.clone(),
                calls: self.todos.len() + self.sums.len() + self.orders.len(),
                todos: owned(&self.todos),
                results: owned(&[&self.todos[..], &self.sums[..]].concat()),
            },
        }
    }
}
