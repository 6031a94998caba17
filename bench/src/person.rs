//! Somebody with an account.

use serde_json::{Value, json};
use testkit::{Client, Dice};

/// Accounts are made one after the other: their passwords are hashed, which is not what is measured.
pub async fn people(url: &str, name: &str, count: usize, dice: &mut Dice) -> Vec<Client> {
    let mut people = Vec::new();
    for _ in 0..count {
        let client = Client::new(url);
        // A name of its own: a database that was named may be used again.
        let email = format!("{name}-{}@example.org", dice.uuid());
        client.register(&email).await;
        people.push(client);
    }
    people
}

/// A message, in a conversation or in a new one.
pub fn message(content: &str, conversation: &Value, dice: &mut Dice) -> Value {
    json!({
        "content": content,
        "client_message_id": dice.uuid(),
        "conversation_id": conversation,
    })
}
