//! Transactional tools: the effect and its outcome in one transaction.

use domain::limits::LEASE_MS;
use domain::store::{RunStore, Sent, TodoStore};
use domain::todo::{Command, TodoAnswer};
use domain::{CallId, CallState, Fence, TodoCommand, ToolClass, ToolSuccess, UserId};

use super::add;
use crate::support::{TestDb, fence, for_each_database};

for_each_database! {
    commands_happen_exactly_once,
    commands_survive_a_take_over,
    a_refused_command_tells_the_model,
    todos_of_the_user,
}

/// A run whose model asked for one command.
async fn planned(db: &TestDb, user_id: UserId) -> (Sent, Fence, CallId) {
    let (sent, fence) = db.started(user_id, "go").await;
    let call = db.call("todo", ToolClass::Transactional, false);
    let call_id = call.call.call_id;
    db.store
        .record_model_step(fence, db.model_step(sent.ai_message.id, vec![call]))
        .await
        .unwrap();
    (sent, fence, call_id)
}

async fn commands_happen_exactly_once(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence, call_id) = planned(db, user.id).await;
    let tries = (0..8).map(|_| {
        db.store
            .commit_command(fence, call_id, add("milk"), db.now())
    });
    let outcomes = futures::future::try_join_all(tries).await.unwrap();
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
    let todos = db.store.todos(user.id).await.unwrap();
    assert_eq!(todos.len(), 1);
    assert_eq!(outcomes[0].result, domain::todo::todo_json(&todos[0]));
    assert_eq!(db.latest(&sent).await.len(), 4);
}

async fn commands_survive_a_take_over(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (_, old, call_id) = planned(db, user.id).await;
    let first = db
        .store
        .commit_command(old, call_id, add("milk"), db.now())
        .await
        .unwrap();
    db.later(LEASE_MS + 1);
    let new = fence(&db.claim().await);
    let second = db
        .store
        .commit_command(new, call_id, add("milk"), db.now())
        .await
        .unwrap();
    assert_eq!(first, second);
    assert_eq!(db.store.todos(user.id).await.unwrap().len(), 1);
}

async fn a_refused_command_tells_the_model(db: &TestDb) {
    let user = db.user("a@example.org").await;
    let (sent, fence, call_id) = planned(db, user.id).await;
    let missing = Command::Todo(TodoCommand::Remove {
        id: domain::TodoId(77),
    });
    let outcome = db
        .store
        .commit_command(fence, call_id, missing, db.now())
        .await
        .unwrap();
    assert_eq!(outcome.state, CallState::Failed);
    assert_eq!(
        db.latest(&sent).await[3].tool_success,
        Some(ToolSuccess::False)
    );
}

async fn todos_of_the_user(db: &TestDb) {
    let (user, other) = (
        db.user("a@example.org").await,
        db.user("b@example.org").await,
    );
    let run = |command| db.store.todo_command(user.id, command, db.now());
    let mut ids = Vec::new();
    for title in ["one", "two", "three"] {
        let command = TodoCommand::Add {
            title: title.to_owned(),
            due_at: Some(db.now()),
        };
        let TodoAnswer::One(todo) = run(command).await.unwrap() else {
            panic!()
        };
        ids.push(todo.id);
    }
    let change = |id, done| TodoCommand::Change {
        id,
        title: None,
        done,
        due_at: Some(None),
    };
    let TodoAnswer::One(done) = run(change(ids[2], Some(true))).await.unwrap() else {
        panic!()
    };
    assert_eq!(
        (done.done, done.due_at, done.title.as_str()),
        (true, None, "three")
    );
    let listed: Vec<_> = db
        .store
        .todos(user.id)
        .await
        .unwrap()
        .iter()
        .map(|t| t.id)
        .collect();
    assert_eq!(listed, [ids[1], ids[0], ids[2]]);
    assert_eq!(
        run(TodoCommand::Remove { id: ids[0] }).await.unwrap(),
        TodoAnswer::Removed(ids[0])
    );
    assert_eq!(
        run(TodoCommand::Remove { id: ids[0] }).await.unwrap(),
        TodoAnswer::NotFound
    );
    assert_eq!(
        run(change(ids[0], None)).await.unwrap(),
        TodoAnswer::NotFound
    );
    let foreign = db
        .store
        .todo_command(other.id, change(ids[1], None), db.now())
        .await
        .unwrap();
    assert_eq!(foreign, TodoAnswer::NotFound);
    assert_eq!(db.store.todos_by_id(user.id, &ids).await.unwrap().len(), 2);
    assert_eq!(db.store.todos_by_id(other.id, &ids).await.unwrap(), vec![]);
    let kinds = db.kinds_after(user.id, 0).await;
    assert_eq!(kinds, ["todo", "todo", "todo", "todo", "todo_deleted"]);
}
