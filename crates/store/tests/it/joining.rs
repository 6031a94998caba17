//! Whoever joins a run in its middle goes on from one moment of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use domain::step::ToolOutcome;
use domain::store::{Joined, RunStore};
use domain::{CallState, Event, EventBody, Fence, RunId, ToolClass, UserId};
use serde_json::json;

use crate::support::{TestDb, fence, for_each_database, text_delta};

for_each_database! { a_run_is_joined_at_one_moment }

const ANSWERS: usize = 30;
const READERS: usize = 4;

/// How far writer and readers are.
#[derive(Default)]
struct Progress {
    joins: [AtomicUsize; READERS],
    over: AtomicBool,
}

/// One answer after the other, each with words of its own; every reader joins beside each.
async fn write(db: &TestDb, fence: Fence, progress: &Progress) {
    for n in 0..ANSWERS {
        let answer = db.store.begin_answer(fence, None, db.now()).await.unwrap();
        for (offset, text) in [(0, "one "), (4, "two")] {
            let delta = text_delta(answer.message_id, 1, offset, text);
            let stored = db.store.append_deltas(fence, vec![delta], db.now());
            stored.await.unwrap();
        }
        // The join that is under way may have begun before this answer; the one after it has not.
        let joins = || {
            progress
                .joins
                .iter()
                .map(|joins| joins.load(Ordering::SeqCst))
        };
        let before: Vec<_> = joins().collect();
        while joins().zip(&before).any(|(now, before)| now < before + 2) {
            tokio::task::yield_now().await;
        }
        let call = db.call("look", ToolClass::ReadOnly, false);
        let call_id = call.call.call_id;
        let step = db.model_step(answer.message_id, vec![call]);
        db.store.record_model_step(fence, step).await.unwrap();
        let outcome = ToolOutcome {
            state: CallState::Succeeded,
            result: json!({ "seen": n }),
        };
        let recorded = db.store.record_outcome(fence, call_id, outcome, db.now());
        recorded.await.unwrap();
    }
    db.store.begin_answer(fence, None, db.now()).await.unwrap();
    db.store.finish(fence, db.completed("end")).await.unwrap();
    progress.over.store(true, Ordering::SeqCst);
}

async fn join(
    db: &TestDb,
    (user_id, run_id): (UserId, RunId),
    progress: &Progress,
    reader: usize,
) -> Vec<Joined> {
    let mut joined = Vec::new();
    let mut last = false;
    while !last {
        last = progress.over.load(Ordering::SeqCst);
        joined.push(db.store.joined(user_id, run_id).await.unwrap());
        progress.joins[reader].fetch_add(1, Ordering::SeqCst);
    }
    joined
}

/// What is read from the cursor on continues what was read of the snapshot, without a hole.
fn check(joined: &Joined, feed: &[std::sync::Arc<Event>]) {
    let answer = &joined.answer;
    assert_eq!(joined.messages[0], joined.run.user_message_id);
    assert_eq!(answer.id, joined.run.ai_message_id);
    assert!(joined.messages.contains(&answer.id) && joined.messages.is_sorted());
    let mut known = HashMap::from([(answer.id, answer.offsets.text)]);
    let mut ended = joined.run.state.is_terminal();
    for event in feed.iter().filter(|event| event.seq > joined.cursor.seq) {
        match &event.body {
            EventBody::Delta(delta) => {
                let have = known.entry(delta.message_id).or_default();
                assert_eq!(delta.offset, *have, "{event:?} after {joined:?}");
                *have += i64::try_from(delta.text.len()).unwrap();
            }
            EventBody::Run { state, .. } if state.is_terminal() => {
                assert!(!ended, "the end was heard twice");
                ended = true;
            }
            _ => {}
        }
    }
    assert!(ended, "the end was never heard");
}

async fn a_run_is_joined_at_one_moment(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let sent = db.send(user.id, "go").await;
    let fence = fence(&db.claim().await);
    let progress = Progress::default();
    let who = (user.id, sent.run.run_id);
    let readers = (0..READERS).map(|reader| join(db, who, &progress, reader));
    let (joined, ()) = tokio::join!(
        futures::future::join_all(readers),
        write(db, fence, &progress)
    );
    let feed = db.feed(user.id).await;
    let answers: std::collections::HashSet<_> = joined
        .iter()
        .flatten()
        .map(|joined| joined.run.ai_message_id)
        .collect();
    // One of the run's ends at least, and every answer in its middle.
    assert_eq!(answers.len(), ANSWERS + 1);
    for joined in joined.iter().flatten() {
        check(joined, &feed);
    }
    let last = joined[0].last().unwrap();
    // The question, every answer, and the call and the result of each but the last.
    assert_eq!(last.messages.len(), 1 + (ANSWERS + 1) + 2 * ANSWERS);
}
