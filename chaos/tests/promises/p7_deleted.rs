//! P7: deleted is gone. Words that occur nowhere else are put into every field that takes words; a
//! conversation, and then an account, is deleted in the middle of an answer. Afterwards the bytes of
//! every file of the server are searched, its logs included; on PostgreSQL every row of every table.
//! Another account's words stay where they are, which also shows that the search finds what is there.

use std::path::Path;
use std::time::{Duration, Instant};

use chaos::history::Account;
use chaos::{Kind, Node};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::Client;
use testkit::client::PASSWORD;

/// The write-ahead log is cut within a minute of a deletion.
const GONE_WITHIN: Duration = Duration::from_secs(75);
const RUNS_END: Duration = Duration::from_secs(30);

/// Makes words of an account; `part` says where they are put.
fn word(owner: &str, part: &str) -> String {
    format!("canary{owner}{part}")
}

/// What goes with the conversation, and what only with the account.
const OF_CONVERSATION: [&str; 10] = [
    "content",
    "answer",
    "early",
    "title",
    "tag",
    "model",
    "expression",
    "told",
    "first",
    "late",
];
const OF_ACCOUNT: [&str; 5] = ["name", "mail", "agent", "todo", "byhand"];

struct Owner {
    name: &'static str,
    client: Client,
    conversation: String,
}

impl Owner {
    fn words(&self, parts: &[&str]) -> Vec<String> {
        parts.iter().map(|part| word(self.name, part)).collect()
    }

    /// Everything that takes words has some.
    async fn make(node: &Node, name: &'static str) -> Self {
        let word = |part: &str| word(name, part);
        let client = node.client();
        let email = format!("{}@example.org", word("mail"));
        let body = json!({"email": email, "password": PASSWORD, "full_name": word("name")});
        client.post("/auth/register", body).await.expect(201);
        let login = client.request(Method::POST, "/auth/login");
        let login = login.header("user-agent", word("agent"));
        let body = json!({"email": email, "password": PASSWORD});
        let answer = login.json(&body).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        client.set_token(answer["access_token"].as_str().map(str::to_owned));
        let todo = json!({"title": word("byhand")});
        client.post("/todos", todo).await.expect(201);

        // The first message names the conversation until somebody renames it; tools add a todo, refuse
        // an expression and say so; the model's name is one that its endpoint never heard of.
        let script = format!(
            "before=2 tool=todo_add args={} tool=calculator args={} then text=\"{} said.\"",
            json!({"title": word("todo")}),
            json!({"expression": word("expression")}),
            word("told"),
        );
        let body = json!({
            "content": format!("{} [[script: {script}]]", word("first")),
            "model": format!("openai/{}", word("model")),
        });
        let sent = client.send(body).await.expect(200);
        assert_eq!(sent["ai_message"]["status"], "complete", "{sent}");
        let conversation = sent["conversation_id"].as_str().unwrap().to_owned();
        let change = json!({"title": word("title"), "tags": [word("tag")]});
        let path = format!("/chat/conversations/{conversation}");
        client.patch(&path, change).await.expect(200);
        Self {
            name,
            client,
            conversation,
        }
    }

    /// Stops in the middle of an answer, at the gate of this name.
    async fn begin_answer(&self, node: &Node, gate: &str) {
        let word = |part: &str| word(self.name, part);
        let text = format!("{} said {} more", word("early"), word("late"));
        let content = format!(
            "{} {} [[script: text=\"{text}\" gate={gate}@2]]",
            word("content"),
            word("answer")
        );
        let body = json!({"content": content, "conversation_id": self.conversation});
        let sent = self.client.try_send_async(&body).await.unwrap();
        sent.expect(202);
        node.model.gate(gate).reached(1).await;
        let path = format!("/chat/conversations/{}/messages", self.conversation);
        let deadline = Instant::now() + RUNS_END;
        // Stored, and so visible to everybody.
        loop {
            let page = self.client.get(&path).await.expect(200);
            let last = page.as_array().unwrap().last().unwrap()["content"].clone();
            if last.as_str().unwrap().contains(&word("early")) {
                return;
            }
            assert!(Instant::now() < deadline, "no token came: {page}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Where the words are: files, or tables.
async fn places(node: &Node, words: &[String]) -> Vec<String> {
    let mut found = node.database.rows_with(words).await;
    in_files(node.folder(), words, &mut found);
    found.sort_unstable();
    found
}

fn in_files(folder: &Path, words: &[String], found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            in_files(&path, words, found);
            continue;
        }
        // It may go while it is looked for.
        let bytes = std::fs::read(&path).unwrap_or_default();
        for word in words {
            if bytes.windows(word.len()).any(|at| at == word.as_bytes()) {
                let name = path.file_name().unwrap().to_string_lossy();
                found.push(format!("{word} in {name}"));
            }
        }
    }
}

async fn gone(node: &Node, words: &[String], when: &str) -> Duration {
    let started = Instant::now();
    loop {
        let found = places(node, words).await;
        if found.is_empty() {
            return started.elapsed();
        }
        let waited = started.elapsed();
        assert!(waited < GONE_WITHIN, "{when}: after {waited:?}: {found:#?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// `killed`: the server dies the moment after it has said that it is done.
async fn deleted(kind: Kind, killed: bool) {
    let mut node = Node::start(kind).await;
    let bystander = Owner::make(&node, "c").await;
    bystander.begin_answer(&node, "bystander").await;
    node.model.gate("bystander").open();
    node.database.runs_end(RUNS_END).await.unwrap();
    let owner = Owner::make(&node, "a").await;
    let account = Owner::make(&node, "b").await;
    let all = [&OF_CONVERSATION[..], &OF_ACCOUNT[..]].concat();
    let untouched = Account::collect(&bystander.client).await;
    let mut kept = places(&node, &bystander.words(&all)).await;
    kept.dedup_by_key(|place| place.split(' ').next().map(str::to_owned));
    assert_eq!(kept.len(), all.len(), "the search misses some: {kept:?}");

    // The conversation.
    owner.begin_answer(&node, "owner").await;
    let path = format!("/chat/conversations/{}", owner.conversation);
    owner.client.delete(&path).await.expect(200);
    if killed {
        node.kill().await;
    }
    node.model.gate("owner").open();
    let first = gone(&node, &owner.words(&OF_CONVERSATION), "conversation").await;
    owner.client.get(&path).await.expect(404);
    let todos = owner.client.get("/todos").await.expect(200);
    assert_eq!(todos["todos"].as_array().unwrap().len(), 2, "{todos}");

    // The account.
    account.begin_answer(&node, "account").await;
    let deletion = account.client.request(Method::DELETE, "/auth/me");
    let deletion = deletion.json(&json!({"password": PASSWORD}));
    let status = deletion.send().await.unwrap().status();
    assert_eq!(status, 204);
    if killed {
        node.kill().await;
    }
    node.model.gate("account").open();
    let second = gone(&node, &account.words(&all), "account").await;
    account.client.get("/auth/me").await.expect(401);

    // Nobody else has lost anything.
    let login = format!("{}@example.org", word("c", "mail"));
    bystander.client.login(&login).await;
    assert_eq!(Account::collect(&bystander.client).await, untouched);
    node.database.runs_end(RUNS_END).await.unwrap();
    node.stop().await.unwrap();
    let words = [owner.words(&OF_CONVERSATION), account.words(&all)].concat();
    assert_eq!(places(&node, &words).await, Vec::<String>::new());
    assert_eq!(node.database.damage().await, Vec::<String>::new());
    println!(
        "{}: {} words of a conversation gone after {:.1} s, {} of an account after {:.1} s{}; {} of \
         another account found where they were",
        kind.name(),
        OF_CONVERSATION.len(),
        first.as_secs_f64(),
        all.len(),
        second.as_secs_f64(),
        if killed { " (killed right after)" } else { "" },
        kept.len(),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    deleted(Kind::Sqlite, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_killed() {
    deleted(Kind::Sqlite, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    deleted(Kind::Postgres, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_killed() {
    deleted(Kind::Postgres, true).await;
}
