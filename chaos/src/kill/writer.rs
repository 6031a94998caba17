//! A client that sends, is cut off, and sends again. All that it chooses comes from its dice.

use serde_json::json;
use testkit::{Dice, scripted_text};
use tokio::task::JoinSet;

use crate::history::{Expected, Message};
use crate::sender::{Form, PAUSE, Sender, Told};

/// Messages of one conversation before the next begins.
const PER_CONVERSATION: usize = 6;
/// One message in so many is sent several times at once.
const REPEATED: u64 = 5;

pub struct Writer {
    number: u64,
    dice: Dice,
    sender: Sender,
    sent: u64,
}

impl Writer {
    #[must_use]
    pub fn new(number: u64, dice: Dice, sender: Sender) -> Self {
        Self {
            number,
            dice,
            sender,
            sent: 0,
        }
    }

    /// Until the sender is stopped.
    pub async fn run(mut self) {
        let mut conversation: Option<String> = None;
        let mut in_conversation = 0;
        while !self.sender.stop.is_cancelled() {
            if in_conversation == PER_CONVERSATION {
                conversation = None;
                in_conversation = 0;
            }
            let message = self.next_message(conversation);
            // Where the answer to a new conversation was lost, its name was too.
            conversation = self.deliver(&message).await;
            in_conversation += 1;
        }
    }

    fn next_message(&mut self, conversation: Option<String>) -> Message {
        let number = self.sent;
        self.sent += 1;
        let tokens = self.dice.within(1..40) as usize;
        let delay = self.dice.within(0..15);
        let todo = self.dice.one_in(4);
        let todo = todo.then(|| format!("todo {} {number}", self.number));
        let title = |todo: &String| json!({"title": todo});
        let call = todo
            .as_ref()
            .map(|todo| format!("tool=todo_add args={} ", title(todo)))
            .unwrap_or_default();
        let before = todo.iter().map(|_| String::new());
        Message {
            key: self.dice.uuid().to_string(),
            content: format!(
                "writer {} message {number} [[script: {call}tokens={tokens} delay_ms={delay}]]",
                self.number
            ),
            conversation,
            expect: Expected {
                answers: before.chain([scripted_text(tokens)]).collect(),
                calls: todo.iter().count(),
                results: todo.iter().cloned().collect(),
                todos: todo.into_iter().collect(),
            },
        }
    }

    /// Sends until the server says yes, or gives up where that is fair. Answers the conversation.
    async fn deliver(&mut self, message: &Message) -> Option<String> {
        let form = Form::any(&mut self.dice);
        let mut unsure = false;
        while !self.sender.stop.is_cancelled() {
            let told = if self.dice.one_in(REPEATED) {
                self.several(message).await
            } else {
                self.sender.attempt(message, form).await
            };
            match told {
                Told::Yes(yes) => return Some(yes.conversation),
                Told::Unsure => unsure = true,
                // Another conversation has room. (Of one that was said nothing, or no.)
                Told::No(code) if code == "run_active" && !unsure && self.dice.one_in(3) => {
                    return None;
                }
                Told::No(_) => {}
            }
            if unsure && self.dice.one_in(6) {
                return message.conversation.clone();
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    /// Sends the same up to five times at once, in any forms. Answers the best that was told.
    async fn several(&mut self, message: &Message) -> Told {
        let mut copies = JoinSet::new();
        for _ in 0..self.dice.within(2..6) {
            let form = Form::any(&mut self.dice);
            let (sender, message) = (self.sender.clone(), message.clone());
            copies.spawn(async move { sender.attempt(&message, form).await });
        }
        let mut best = Told::No(String::new());
        for told in copies.join_all().await {
            match (&best, &told) {
                (Told::Yes(_), _) => {}
                (_, Told::Yes(_) | Told::Unsure) => best = told,
                (Told::No(_), _) => best = told,
                (Told::Unsure, _) => {}
            }
        }
        best
    }
}
