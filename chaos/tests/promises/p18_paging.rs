//! P18: paging never skips or repeats. Readers walk the list of conversations by cursor and the
//! messages of a conversation in both directions, in small pages, while writers add to both and a
//! deleter takes conversations away. `REJOINDER_SEED` repeats the writers' choices.
//!
//! The list is ordered by activity: one that moves to the front during a walk has been seen, or is at
//! the front for the next walk. So no conversation may come twice in a walk, and none that was left
//! alone may be missing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaos::{Kind, Node};
use serde_json::{Value, json};
use testkit::{Client, Dice};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const CONVERSATIONS: usize = 40;
/// For the answer to a message, also to one whose conversation goes.
const PATIENCE: Duration = Duration::from_secs(30);
/// Each reader's.
const WALKS: usize = 8;
/// Each writer's: what it writes to must not grow faster than it is read.
const WRITES: usize = 60;

async fn conversation(client: &Client) -> String {
    let made = client.post("/chat/conversations", json!({})).await;
    made.expect(201)["conversation_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn say(client: &Client, conversation: &str) -> bool {
    let body = json!({
        "content": "Hi [[script: tokens=2]]",
        "conversation_id": conversation,
    });
    // 404: deleted meanwhile. 409: answered meanwhile.
    let sent = tokio::time::timeout(PATIENCE, client.send(body)).await;
    sent.expect("no answer to a message").status == 200
}

/// What others do to conversations, by `conversation_id`: how much was begun, and how much is over.
#[derive(Clone, Default)]
struct Touched(Arc<Mutex<BTreeMap<String, (u64, u64)>>>);

impl Touched {
    fn begin(&self, id: &str) {
        self.0.lock().unwrap().entry(id.to_owned()).or_default().0 += 1;
    }

    fn end(&self, id: &str) {
        self.0.lock().unwrap().entry(id.to_owned()).or_default().1 += 1;
    }

    fn now(&self) -> BTreeMap<String, (u64, u64)> {
        self.0.lock().unwrap().clone()
    }
}

/// One walk through the list, from the front.
async fn walk(client: &Client, per_page: u64) -> Vec<String> {
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/chat/conversations?per_page={per_page}{cursor}");
        let page = client.get(&path).await.expect(200);
        let found = page["conversations"].as_array().unwrap().iter();
        seen.extend(found.map(|c| c["conversation_id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return seen,
        }
    }
}

/// Answers the conversations that had to be there.
async fn list_reader(client: Client, touched: Touched, mut dice: Dice) -> usize {
    let mut compared = 0;
    for _ in 0..WALKS {
        let (before, all) = (touched.now(), walk(&client, 100).await);
        let seen = walk(&client, dice.within(2..9)).await;
        let after = touched.now();
        let once: BTreeSet<&String> = seen.iter().collect();
        assert_eq!(once.len(), seen.len(), "repeated: {seen:?}");
        let alone = |id: &&String| {
            let of = |all: &BTreeMap<_, _>| all.get(*id).copied().unwrap_or_default();
            of(&before) == of(&after) && of(&before).0 == of(&before).1
        };
        for id in all.iter().filter(alone) {
            compared += 1;
            assert!(once.contains(id), "skipped: {id}");
        }
    }
    compared
}

fn ids(page: &Value) -> Vec<i64> {
    let messages = page.as_array().unwrap().iter();
    messages.map(|m| m["id"].as_i64().unwrap()).collect()
}

/// Walks a growing conversation back from its end and then forward past it.
async fn message_reader(client: Client, conversation: String, mut dice: Dice) -> usize {
    let path = format!("/chat/conversations/{conversation}/messages");
    let mut compared = 0;
    for _ in 0..WALKS {
        let whole: Vec<i64> = client
            .messages(&conversation)
            .await
            .iter()
            .map(|m| m["id"].as_i64().unwrap())
            .collect();
        let limit = dice.within(3..12);
        let mut walked = ids(&client
            .get(&format!("{path}?limit={limit}"))
            .await
            .expect(200));
        while let Some(first) = walked.first() {
            let page = client
                .get(&format!("{path}?limit={limit}&before={first}"))
                .await;
            let page = ids(&page.expect(200));
            if page.is_empty() {
                break;
            }
            walked.splice(0..0, page);
        }
        assert!(walked.starts_with(&whole), "back: {walked:?} of {whole:?}");
        compared += walked.len();

        let mut forward = vec![whole[0]];
        loop {
            let last = forward.last().unwrap();
            let page = client
                .get(&format!("{path}?limit={limit}&after={last}"))
                .await;
            let page = ids(&page.expect(200));
            if page.is_empty() {
                break;
            }
            forward.extend(page);
        }
        assert!(
            forward.starts_with(&walked),
            "forward: {forward:?}, back: {walked:?}"
        );
        compared += forward.len();
    }
    compared
}

async fn paging(kind: Kind) {
    let seed = Dice::seed();
    println!("{}: seed {seed}", kind.name());
    let mut dice = Dice::new(seed);
    let mut node = Node::start(kind).await;
    let client = node.user("reader@example.org").await;
    let mut all = Vec::new();
    for _ in 0..CONVERSATIONS {
        all.push(conversation(&client).await);
    }
    let growing = all[0].clone();
    for _ in 0..10 {
        assert!(say(&client, &growing).await);
    }
    let touched = Touched::default();
    let stop = CancellationToken::new();
    let mut others = JoinSet::new();
    for number in 0..3 {
        let (client, touched, stop) = (client.clone(), touched.clone(), stop.clone());
        let (mut dice, all, growing) = (dice.split(), all.clone(), growing.clone());
        others.spawn(async move {
            let mut done = 0;
            while !stop.is_cancelled() && done < WRITES {
                // The first writer has the growing one for itself; the first half is left alone.
                let to = match (number, dice.within(0..4)) {
                    (0, _) => growing.clone(),
                    (_, 0) => conversation(&client).await,
                    _ => all[dice.within(CONVERSATIONS as u64 / 2..CONVERSATIONS as u64) as usize]
                        .clone(),
                };
                touched.begin(&to);
                done += usize::from(say(&client, &to).await);
                touched.end(&to);
            }
            done
        });
    }
    let (deleter, gone, end) = (client.clone(), touched.clone(), stop.clone());
    let mut chance = dice.split();
    let mut left = all[CONVERSATIONS / 2..].to_vec();
    let mut deletes = JoinSet::new();
    deletes.spawn(async move {
        let mut done = 0;
        while !end.is_cancelled() && !left.is_empty() {
            let id = left.swap_remove(chance.within(0..left.len() as u64) as usize);
            gone.begin(&id);
            deleter
                .delete(&format!("/chat/conversations/{id}"))
                .await
                .expect(200);
            done += 1;
            // One after a few of the readers' pages, so that the deletions last.
            for _ in 0..10 {
                deleter
                    .get("/chat/conversations?per_page=1")
                    .await
                    .expect(200);
            }
        }
        done
    });
    let mut lists = JoinSet::new();
    let mut messages = JoinSet::new();
    for _ in 0..2 {
        lists.spawn(list_reader(client.clone(), touched.clone(), dice.split()));
        messages.spawn(message_reader(
            client.clone(),
            growing.clone(),
            dice.split(),
        ));
    }
    let found: usize = lists.join_all().await.iter().sum();
    let walked: usize = messages.join_all().await.iter().sum();
    stop.cancel();
    let written: usize = others.join_all().await.iter().sum();
    let deleted: usize = deletes.join_all().await.iter().sum();
    assert!(written > 0 && deleted > 0, "nothing happened meanwhile");
    node.stop().await.unwrap();
    println!(
        "{}: {} walks beside {written} messages and {deleted} deletions: {found} conversations and \
         {walked} messages, none skipped or repeated",
        kind.name(),
        4 * WALKS,
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    paging(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    paging(Kind::Postgres).await;
}
