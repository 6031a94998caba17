//! Todos: the user's own commands and the agent's go through the same body.

use async_trait::async_trait;
use domain::limits::{TODOS_LISTED, TODOS_PER_USER};
use domain::store::{IdempotencyKey, TodoStore};
use domain::todo::TodoAnswer;
use domain::{EventBody, StoreError, StoreResult, Timestamp, Todo, TodoCommand, TodoId, UserId};

use uuid::Uuid;

use crate::db::{read, tx};
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Row, args, ints};
use crate::{SqlStore, keys};

macro_rules! columns {
    () => {
        "id, title, done, due_at, created_at, updated_at"
    };
}

statements! {
    LIST_TODOS {
        "SELECT " columns!() " FROM todos WHERE user_id = $1 ORDER BY done, id DESC LIMIT $2"
    }
    TODOS_BY_ID {
        "SELECT " columns!() " FROM todos WHERE user_id = $1 AND id IN " ints("$2") " ORDER BY id"
    }
    TODO { "SELECT " columns!() " FROM todos WHERE user_id = $1 AND id = $2" }
    TODO_FOR_UPDATE { "SELECT " columns!() " FROM todos WHERE user_id = $1 AND id = $2" lock }
    COUNT_TODOS { "SELECT COUNT(*) AS n FROM todos WHERE user_id = $1" }
    INSERT_TODO {
        "INSERT INTO todos (user_id, title, due_at, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $4) RETURNING " columns!()
    }
    UPDATE_TODO {
        "UPDATE todos SET title = $3, done = $4, due_at = $5, updated_at = $6 \
         WHERE user_id = $1 AND id = $2"
    }
    DELETE_TODO { "DELETE FROM todos WHERE user_id = $1 AND id = $2" }
}

fn todo(row: &Row) -> StoreResult<Todo> {
    Ok(Todo {
        id: TodoId(row.get("id")?),
        title: row.get("title")?,
        done: row.get("done")?,
        due_at: row.maybe_time("due_at")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

async fn list(tx: &mut Tx, user_id: UserId) -> StoreResult<Vec<Todo>> {
    tx.all(LIST_TODOS, args![user_id, TODOS_LISTED])
        .await?
        .iter()
        .map(todo)
        .collect()
}

async fn by_id(tx: &mut Tx, user_id: UserId, ids: Vec<i64>) -> StoreResult<Vec<Todo>> {
    tx.all(TODOS_BY_ID, args![user_id, ints(ids)])
        .await?
        .iter()
        .map(todo)
        .collect()
}

async fn insert(
    tx: &mut Tx,
    user_id: UserId,
    title: String,
    due_at: Option<Timestamp>,
    now: Timestamp,
) -> StoreResult<Todo> {
    let held: i64 = tx.one(COUNT_TODOS, args![user_id]).await?.get("n")?;
    if held >= TODOS_PER_USER {
        return Err(StoreError::Conflict {
            code: "too_many_todos",
            detail: format!("There are {TODOS_PER_USER} todos already: remove some first."),
        });
    }
    let row = tx
        .one(INSERT_TODO, args![user_id, title, due_at, now])
        .await?;
    let added = todo(&row)?;
    tx.emit(
        user_id,
        None,
        None,
        EventBody::Todo { todo_id: added.id },
        now,
    );
    Ok(added)
}

async fn add(
    tx: &mut Tx,
    user_id: UserId,
    title: String,
    due_at: Option<Timestamp>,
    key: Option<IdempotencyKey>,
    now: Timestamp,
) -> StoreResult<Todo> {
    let Some(key) = key else {
        return insert(tx, user_id, title, due_at, now).await;
    };
    if let Some(made) = keys::take(tx, user_id, &key, Uuid::nil(), now).await? {
        let found = tx.one(TODO, args![user_id, keys::row_id(made)]).await;
        return todo(&keys::or_gone(found)?);
    }
    let added = insert(tx, user_id, title, due_at, now).await?;
    keys::made(tx, user_id, &key, added.id.0).await?;
    Ok(added)
}

/// Carries a command out. An error leaves nothing written.
pub(crate) async fn execute(
    tx: &mut Tx,
    user_id: UserId,
    command: TodoCommand,
    now: Timestamp,
) -> StoreResult<TodoAnswer> {
    match command {
        TodoCommand::Add { title, due_at } => insert(tx, user_id, title, due_at, now)
            .await
            .map(TodoAnswer::One),
        TodoCommand::Change {
            id,
            title,
            done,
            due_at,
        } => {
            let Some(row) = tx.maybe(TODO_FOR_UPDATE, args![user_id, id]).await? else {
                return Ok(TodoAnswer::NotFound);
            };
            let before = todo(&row)?;
            let after = Todo {
                title: title.unwrap_or(before.title),
                done: done.unwrap_or(before.done),
                due_at: due_at.unwrap_or(before.due_at),
                updated_at: now,
                ..before
            };
            let args = args![user_id, id, &after.title, after.done, after.due_at, now];
            tx.run(UPDATE_TODO, args).await?;
            tx.emit(user_id, None, None, EventBody::Todo { todo_id: id }, now);
            Ok(TodoAnswer::One(after))
        }
        TodoCommand::Remove { id } => {
            if tx.run(DELETE_TODO, args![user_id, id]).await? == 0 {
                return Ok(TodoAnswer::NotFound);
            }
            keys::forget(tx, user_id, keys::of_row(id.0)).await?;
            tx.scrub = true;
            tx.emit(
                user_id,
                None,
                None,
                EventBody::TodoDeleted { todo_id: id },
                now,
            );
            Ok(TodoAnswer::Removed(id))
        }
        TodoCommand::List => Ok(TodoAnswer::Many(list(tx, user_id).await?)),
    }
}

#[async_trait]
impl TodoStore for SqlStore {
    async fn todos(&self, user_id: UserId) -> StoreResult<Vec<Todo>> {
        read!(self, list, user_id)
    }

    async fn todos_by_id(&self, user_id: UserId, ids: &[TodoId]) -> StoreResult<Vec<Todo>> {
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        read!(self, by_id, user_id, ids)
    }

    async fn add_todo(
        &self,
        user_id: UserId,
        title: String,
        due_at: Option<Timestamp>,
        key: Option<IdempotencyKey>,
        now: Timestamp,
    ) -> StoreResult<Todo> {
        tx!(self, add, user_id, title, due_at, key, now)
    }

    async fn todo_command(
        &self,
        user_id: UserId,
        command: TodoCommand,
        now: Timestamp,
    ) -> StoreResult<TodoAnswer> {
        tx!(self, execute, user_id, command, now)
    }
}
