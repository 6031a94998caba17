//! What is there in the end: through the API, account by account, and in the raw database.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use testkit::Client;

use crate::database::Database;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// By e-mail address.
    pub accounts: BTreeMap<String, Account>,
    /// Every message of every account.
    pub rows: Vec<Row>,
    /// What the raw database says against itself.
    pub contradictions: Vec<String>,
    /// `completed 812` and so on.
    pub runs: Vec<String>,
}

/// What the API shows to one account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// By `conversation_id`: all messages, oldest first.
    pub conversations: BTreeMap<String, Vec<Value>>,
    /// By message and revision: superseded text.
    pub revisions: BTreeMap<i64, BTreeMap<i64, String>>,
    pub todos: Vec<String>,
}

/// A message in the raw database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Row {
    pub id: i64,
    pub account: String,
    pub key: Option<String>,
    pub status: String,
    pub content: String,
}

impl State {
    /// Of these accounts, signing in anew. To be called when all runs have ended.
    pub async fn collect(base: &str, emails: &[String], database: &Database) -> Self {
        let mut accounts = BTreeMap::new();
        for email in emails {
            let client = Client::new(base);
            client.login(email).await;
            accounts.insert(email.clone(), Account::collect(&client).await);
        }
        let rows = database.messages().await;
        Self {
            accounts,
            rows: rows
                .iter()
                .map(|row| serde_json::from_str(row).unwrap())
                .collect(),
            contradictions: database.contradictions().await,
            runs: database.run_states().await,
        }
    }

    pub fn save(&self, path: &Path) {
        std::fs::write(path, serde_json::to_vec_pretty(self).unwrap()).unwrap();
    }

    /// # Errors
    /// What can't be read.
    pub fn load(path: &Path) -> std::io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }
}

impl Account {
    pub async fn collect(client: &Client) -> Self {
        let mut account = Self::default();
        for conversation in client.conversations().await {
            let id = conversation["conversation_id"].as_str().unwrap();
            let messages = client.messages(id).await;
            for message in messages.iter().filter(|m| m["revision"].as_i64() > Some(1)) {
                let path = format!(
                    "/chat/conversations/{id}/messages/{}/revisions",
                    message["id"]
                );
                let body = client.get(&path).await.expect(200);
                let earlier = body["revisions"].as_array().unwrap().iter();
                let texts = earlier.map(|old| {
                    let text = old["content"].as_str().unwrap_or_default();
                    (old["revision"].as_i64().unwrap(), text.to_owned())
                });
                let message = message["id"].as_i64().unwrap();
                account.revisions.insert(message, texts.collect());
            }
            account.conversations.insert(id.to_owned(), messages);
        }
        let body = client.get("/todos").await.expect(200);
        let todos = body["todos"].as_array().unwrap().iter();
        account.todos = todos
            .map(|todo| todo["title"].as_str().unwrap().to_owned())
            .collect();
        account
    }

    pub fn messages(&self) -> impl Iterator<Item = &Value> {
        self.conversations.values().flatten()
    }
}
