//! Todos on the wire.

use domain::Todo;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::time::rfc3339;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TodoResponse {
    pub id: i64,
    pub title: String,
    pub done: bool,
    #[schema(required, format = DateTime)]
    pub due_at: Option<String>,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

impl From<Todo> for TodoResponse {
    fn from(todo: Todo) -> Self {
        Self {
            id: todo.id.0,
            title: todo.title,
            done: todo.done,
            due_at: todo.due_at.map(rfc3339),
            created_at: rfc3339(todo.created_at),
            updated_at: rfc3339(todo.updated_at),
        }
    }
}

/// Open ones first, then newest first; at most 500.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TodosResponse {
    pub todos: Vec<TodoResponse>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TodoCreate {
    /// 1..=500 characters.
    pub title: String,
    #[serde(default)]
    #[schema(format = DateTime)]
    pub due_at: Option<String>,
}

/// What is left out stays.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TodoChange {
    /// 1..=500 characters.
    #[serde(default)]
    pub title: Option<String>,
    #[serde(default)]
    pub done: Option<bool>,
    /// `null` clears the date.
    #[serde(default, deserialize_with = "super::present")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due_at: Option<Option<String>>,
}
