//! P7: deleted is gone. Words that occur nowhere else are put into every field that takes words, and
//! so into every column that can hold some; a conversation, and then an account, is deleted in the
//! middle of an answer, with a message waiting behind it. Afterwards the bytes of every file of the
//! server are searched, its logs included; on PostgreSQL every row of every table. Another account's
//! words stay where they are, which also shows that the search finds what is there.

mod columns;
mod owner;

use std::path::Path;
use std::time::{Duration, Instant};

use chaos::history::Account;
use chaos::{Kind, Node};
use reqwest::Method;
use serde_json::json;
use testkit::Witness;
use testkit::client::PASSWORD;

use owner::{DRAFT, OF_ACCOUNT, OF_CONVERSATION, Owner, tools, word};

/// The write-ahead log is cut within a minute of a deletion.
const GONE_WITHIN: Duration = Duration::from_secs(75);
const RUNS_END: Duration = Duration::from_secs(30);

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
    let witness = Witness::start().await;
    let mut node = Node::with(kind, &tools(&witness)).await;
    let bystander = Owner::make(&node, &witness, "c").await;
    let owner = Owner::make(&node, &witness, "a").await;
    let account = Owner::make(&node, &witness, "b").await;
    for one in [&bystander, &owner, &account] {
        one.begin_draft().await;
    }
    node.kill().await;
    node.model.gate(DRAFT).open();
    node.database.runs_end(RUNS_END).await.unwrap();
    bystander.begin_answer("bystander").await;
    node.model.gate("bystander").open();
    node.database.runs_end(RUNS_END).await.unwrap();
    let all = [&OF_CONVERSATION[..], &OF_ACCOUNT[..]].concat();
    let columns = columns::all_filled(&node.database, &bystander.words(&all)).await;
    let untouched = Account::collect(&bystander.client).await;
    let mut kept = places(&node, &bystander.words(&all)).await;
    kept.dedup_by_key(|place| place.split(' ').next().map(str::to_owned));
    assert_eq!(kept.len(), all.len(), "the search misses some: {kept:?}");

    // The conversation.
    owner.begin_answer("owner").await;
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
    account.begin_answer("account").await;
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
    let left = node.database.tables_of(account.id).await;
    assert_eq!(left, Vec::<String>::new(), "rows of a deleted account");

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
         another account found where they were, in {columns} columns",
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
