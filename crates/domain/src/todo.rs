//! Todos, the first transactional tool: the effect and its result are one transaction.

use serde_json::Value;

use crate::{Timestamp, TodoId};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Todo {
    pub id: TodoId,
    pub title: String,
    pub done: bool,
    pub due_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What may be done to a user's todos, by its user or by the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TodoCommand {
    Add {
        title: String,
        due_at: Option<Timestamp>,
    },
    /// `None` leaves a field; `Some(None)` clears the date.
    Change {
        id: TodoId,
        title: Option<String>,
        done: Option<bool>,
        due_at: Option<Option<Timestamp>>,
    },
    Remove {
        id: TodoId,
    },
    /// Open ones first, then newest first; at most [`crate::limits::TODOS_LISTED`].
    List,
}

/// What a command answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TodoAnswer {
    One(Todo),
    Removed(TodoId),
    Many(Vec<Todo>),
    /// No such todo of this user.
    NotFound,
}

/// A tool's effect inside our own database, executed in the transaction that records its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Todo(TodoCommand),
}

/// The JSON that a model sees for a todo: `{id, title, done, due_at}` (`due_at` in epoch ms).
#[must_use]
pub fn todo_json(todo: &Todo) -> Value {
    serde_json::json!({
        "id": todo.id.0,
        "title": todo.title,
        "done": todo.done,
        "due_at": todo.due_at.map(|t| t.0),
    })
}
