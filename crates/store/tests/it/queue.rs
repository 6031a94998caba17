//! Messages that wait behind the active run of their conversation, and those that end it.

mod changing;
mod interrupting;

use domain::limits::QUEUED_PER_CONVERSATION;
use domain::message::Window;
use domain::step::ToolOutcome;
use domain::store::{ConversationStore, RunStore, SendMessage, Sent};
use domain::*;

use crate::support::{NODE, TestDb, conflict, fence, for_each_database, key};

for_each_database! {
    a_message_waits_beside_the_tree,
    an_idle_conversation_takes_it_at_once,
    first_in_first_out_behind_whatever_came_between,
    clocks_do_not_order_the_queue,
    senders_and_ends_at_the_same_time,
    the_queue_is_bounded,
    a_named_parent_stays,
    what_waits_is_no_parent,
    pages_reach_the_queue,
    a_conversation_goes_with_its_queue,
}

async fn enqueue(db: &TestDb, run: &Run, content: &str) -> Sent {
    db.send_beside(run, content, OnBusy::Enqueue).await
}

async fn finish(db: &TestDb, run: Fence, text: &str) {
    db.store.begin_answer(run, None, db.now()).await.unwrap();
    db.store.finish(run, db.completed(text)).await.unwrap();
}

fn contents(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|m| m.content.as_str()).collect()
}

async fn a_message_waits_beside_the_tree(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (active, _) = db.started(user.id, "go").await;
    let end = i64::try_from(db.feed(user.id).await.len()).unwrap();
    db.later(5);
    let sent = enqueue(db, &active.run, "next").await;
    assert_eq!(
        sent.user_message,
        Message {
            id: sent.user_message.id,
            content: "next".to_owned(),
            timestamp: db.now(),
            parent_id: None,
            run_id: Some(sent.run.run_id),
            status: MessageStatus::Queued,
            siblings: vec![sent.user_message.id],
            offsets: Offsets {
                text: 4,
                ..Offsets::default()
            },
            ..active.user_message.clone()
        }
    );
    assert_eq!((sent.run.state, sent.run.waiting), (RunState::Queued, true));
    assert_eq!(sent.ai_message.status, MessageStatus::Queued);
    assert_eq!(
        db.kinds_after(user.id, end).await,
        ["conversation", "message"]
    );
    let id = active.run.conversation_id;
    let conversation = db.store.conversation(user.id, id).await.unwrap();
    assert_eq!(
        (conversation.head_message_id, conversation.updated_at),
        (Some(active.ai_message.id), db.now())
    );
    assert_eq!(conversation.message_count, 4);
    assert_eq!(
        conversation.active_run.unwrap().run_id,
        active.run.run_id,
        "what waits is not what goes on"
    );
    let (open, _) = db.store.open_message(user.id, id).await.unwrap();
    assert_eq!(open.unwrap().id, active.ai_message.id);
    assert_eq!(contents(&db.latest(&active).await), ["go", "", "next"]);
    // A first message has no sibling in one that waits.
    assert_eq!(
        db.latest(&active).await[0].siblings,
        [active.user_message.id]
    );
    assert_eq!(
        db.store.claim(NODE, db.now(), 9, true).await.unwrap(),
        vec![]
    );
    assert_eq!(db.store.sent(user.id, sent.run.run_id).await.unwrap(), sent);
}

async fn an_idle_conversation_takes_it_at_once(db: &TestDb) {
    let user = db.user("a@example.org").await;
    for on_busy in [OnBusy::Enqueue, OnBusy::Interrupt] {
        let done = db.turn(user.id, None, "one").await;
        let sent = db.send_beside(&done.run, "two", on_busy).await;
        assert_eq!(sent.user_message.parent_id, Some(done.ai_message.id));
        assert_eq!(
            (sent.user_message.status, sent.run.waiting, sent.interrupted),
            (MessageStatus::Complete, false, None)
        );
        finish(db, fence(&db.claim().await), "ok").await;
    }
}

async fn first_in_first_out_behind_whatever_came_between(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (active, held) = db.started(user.id, "go").await;
    let mut waiting = Vec::new();
    for n in 0..3 {
        waiting.push(enqueue(db, &active.run, &format!("q{n}")).await);
    }
    // Everything from here on has a higher id than the messages that wait.
    let call = db.call("t", ToolClass::ReadOnly, false);
    let call_id = call.call.call_id;
    let step = db.model_step(active.ai_message.id, vec![call]);
    db.store.record_model_step(held, step).await.unwrap();
    db.store
        .record_outcome(held, call_id, ToolOutcome::failed("no"), db.now())
        .await
        .unwrap();
    finish(db, held, "first").await;
    for (n, sent) in waiting.iter().enumerate() {
        let before = db.latest(&active).await;
        let run = db.claim().await;
        assert_eq!((run.run_id, run.waiting), (sent.run.run_id, false));
        assert_eq!(
            db.store.claim(NODE, db.now(), 9, false).await.unwrap(),
            vec![]
        );
        let now = db.store.sent(user.id, run.run_id).await.unwrap();
        assert_eq!(now.user_message.status, MessageStatus::Complete);
        assert_eq!(now.user_message.id, sent.user_message.id);
        assert_eq!(now.ai_message.parent_id, Some(sent.user_message.id));
        let place = before.iter().position(|m| m.id == sent.user_message.id);
        assert_eq!(
            now.user_message.parent_id,
            Some(before[place.unwrap() - 1].id)
        );
        // The history of the run is the branch as it is shown.
        let leaf = now.ai_message.id;
        let (history, cut) = db
            .store
            .history(user.id, run.conversation_id, leaf, 1_000_000)
            .await
            .unwrap();
        assert!(!cut);
        assert_eq!(history[..], before[..history.len()]);
        finish(db, fence(&run), &format!("a{n}")).await;
    }
    let all = db.latest(&active).await;
    assert_eq!(
        contents(&all)[4..],
        ["first", "q0", "a0", "q1", "a1", "q2", "a2"]
    );
    for pair in all.windows(2) {
        assert_eq!(pair[1].parent_id, Some(pair[0].id));
    }
    // In both directions every message is met once.
    let (id, mut met) = (active.run.conversation_id, Vec::new());
    let mut at = all[0].id;
    loop {
        let page = db.store.messages(user.id, id, Window::After(at), 2).await;
        let page = page.unwrap();
        met.extend(page.messages.iter().map(|m| m.id));
        match page.messages.last() {
            Some(last) => at = last.id,
            None => break,
        }
    }
    assert_eq!(met, all[1..].iter().map(|m| m.id).collect::<Vec<_>>());
    let mut back = Vec::new();
    loop {
        let page = db.store.messages(user.id, id, Window::Before(at), 2).await;
        let page = page.unwrap();
        back.splice(0..0, page.messages.iter().map(|m| m.id));
        match page.messages.first() {
            Some(first) => at = first.id,
            None => break,
        }
    }
    assert_eq!(
        back,
        all[..all.len() - 1]
            .iter()
            .map(|m| m.id)
            .collect::<Vec<_>>()
    );
}

async fn clocks_do_not_order_the_queue(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (active, held) = db.started(user.id, "go").await;
    let first = enqueue(db, &active.run, "first").await;
    let second = SendMessage {
        conversation_id: Some(active.run.conversation_id),
        on_busy: OnBusy::Enqueue,
        new_run_id: RunId(uuid::Uuid::nil()),
        now: db.now().plus_millis(-600_000),
        ..db.message(user.id, "second")
    };
    db.store.send(second).await.unwrap();
    finish(db, held, "done").await;
    assert_eq!(db.claim().await.run_id, first.run.run_id);
}

async fn senders_and_ends_at_the_same_time(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (active, held) = db.started(user.id, "go").await;
    let ends = async {
        finish(db, held, "done").await;
        let mut ended = 1;
        while ended < 9 {
            let runs = db.store.claim(NODE, db.now(), 9, false).await.unwrap();
            assert!(runs.len() < 2, "one active run: {runs:?}");
            for run in runs {
                finish(db, fence(&run), "ok").await;
                ended += 1;
            }
            tokio::task::yield_now().await;
        }
    };
    let sends = futures::future::join_all((0..8).map(|n| {
        let run = &active.run;
        async move { enqueue(db, run, &format!("q{n}")).await }
    }));
    let ((), sent) = tokio::join!(ends, sends);
    let all = db.latest(&active).await;
    assert_eq!(all.len(), 18);
    for pair in all.windows(2) {
        assert_eq!(pair[1].parent_id, Some(pair[0].id));
    }
    let asked: Vec<_> = all[2..]
        .iter()
        .filter(|m| m.role == Role::User)
        .map(|m| m.id)
        .collect();
    let mut ids: Vec<_> = sent.iter().map(|sent| sent.user_message.id).collect();
    ids.sort();
    assert_eq!(asked, ids, "in the order in which they were stored");
}

async fn the_queue_is_bounded(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (active, _) = db.started(user.id, "go").await;
    for n in 0..QUEUED_PER_CONVERSATION {
        enqueue(db, &active.run, &format!("q{n}")).await;
    }
    let send = |on_busy| SendMessage {
        conversation_id: Some(active.run.conversation_id),
        key: key("k", "body"),
        on_busy,
        ..db.message(user.id, "one too many")
    };
    let refused = db.store.send(send(OnBusy::Enqueue)).await;
    assert_eq!(conflict(refused), "queue_full");
    assert_eq!(db.latest(&active).await.len(), QUEUED_PER_CONVERSATION + 2);
    // Its key is free, and an interruption makes room for itself.
    let sent = db.store.send(send(OnBusy::Interrupt)).await.unwrap();
    assert!(sent.run.waiting && !sent.repeated);
    let refused = db.store.send(SendMessage {
        key: None,
        ..send(OnBusy::Enqueue)
    });
    assert_eq!(conflict(refused.await), "queue_full");
}

async fn a_named_parent_stays(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let done = db.turn(user.id, None, "one").await;
    let active = db.send_to(&done, "two").await;
    let held = fence(&db.claim().await);
    let send = SendMessage {
        conversation_id: Some(active.run.conversation_id),
        parent_id: Some(done.ai_message.id),
        on_busy: OnBusy::Enqueue,
        ..db.message(user.id, "other two")
    };
    let beside = db.store.send(send).await.unwrap();
    assert_eq!(beside.user_message.parent_id, Some(done.ai_message.id));
    assert_eq!(beside.user_message.siblings, [beside.user_message.id]);
    finish(db, held, "done").await;
    let run = db.claim().await;
    let now = db.store.sent(user.id, run.run_id).await.unwrap();
    assert_eq!(now.user_message.parent_id, Some(done.ai_message.id));
    assert_eq!(
        now.user_message.siblings,
        [active.user_message.id, beside.user_message.id]
    );
    assert_eq!(
        contents(&db.latest(&done).await),
        ["ask one", "one", "other two", ""]
    );
}

async fn what_waits_is_no_parent(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (active, held) = db.started(user.id, "go").await;
    let waits = enqueue(db, &active.run, "waits").await;
    let left = enqueue(db, &active.run, "left").await;
    db.store
        .request_cancel(user.id, left.run.run_id, db.now())
        .await
        .unwrap();
    for parent in [&waits.user_message, &waits.ai_message, &left.user_message] {
        let send = SendMessage {
            conversation_id: Some(active.run.conversation_id),
            parent_id: Some(parent.id),
            on_busy: OnBusy::Enqueue,
            ..db.message(user.id, "behind it")
        };
        assert_eq!(conflict(db.store.send(send).await), "parent_queued");
    }
    finish(db, held, "done").await;
}

async fn pages_reach_the_queue(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let done = db.turn(user.id, None, "one").await;
    let active = db.send_to(&done, "two").await;
    let held = fence(&db.claim().await);
    let mut path: Vec<_> = db.latest(&done).await.iter().map(|m| m.id).collect();
    for n in 0..3 {
        let sent = enqueue(db, &active.run, &format!("q{n}")).await;
        path.push(sent.user_message.id);
    }
    for (window, limit, expected, before, after) in [
        (Window::Latest, 1, &path[3..], true, false),
        (Window::Latest, 9, &path[..], false, false),
        (Window::Before(path[5]), 3, &path[1..4], true, true),
        (Window::After(path[4]), 9, &path[5..], true, false),
        (Window::After(path[3]), 9, &path[..0], true, false),
        (Window::Around(path[4]), 9, &path[..], false, false),
    ] {
        let page = db
            .store
            .messages(user.id, active.run.conversation_id, window, limit)
            .await
            .unwrap();
        let ids: Vec<_> = page.messages.iter().map(|m| m.id).collect();
        assert_eq!(
            (ids.as_slice(), page.has_before, page.has_after),
            (expected, before, after),
            "{window:?} {limit}"
        );
    }
    finish(db, held, "done").await;
}

async fn a_conversation_goes_with_its_queue(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (active, held) = db.started(user.id, "go").await;
    let waits = enqueue(db, &active.run, "waits").await;
    let id = active.run.conversation_id;
    let mut ended = db.store.delete_conversation(user.id, id).await.unwrap();
    ended.sort();
    let mut runs = vec![active.run.run_id, waits.run.run_id];
    runs.sort();
    assert_eq!(ended, runs);
    assert_eq!(
        db.store.finish(held, db.completed("late")).await,
        Err(StoreError::FenceLost)
    );
    assert_eq!(
        db.store.claim(NODE, db.now(), 9, true).await.unwrap(),
        vec![]
    );
}
