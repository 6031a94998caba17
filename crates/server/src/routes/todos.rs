//! `GET, POST /api/v1/todos`, `PATCH, DELETE /api/v1/todos/{id}`

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use domain::todo::TodoAnswer;
use domain::{Timestamp, TodoCommand, TodoId, limits};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Account;
use crate::chat::keyed;
use crate::error::Problem;
use crate::extract::{Check, IdempotencyHeader, Json, PathId};
use crate::state::AppState;
use crate::wire::time;
use crate::wire::todo::{TodoChange, TodoCreate, TodoResponse, TodosResponse};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(change, delete))
}

/// The account's todos.
#[utoipa::path(
    get, path = "/api/v1/todos", tag = "todos", operation_id = "list_todos",
    responses((status = 200, body = TodosResponse, description = "Open ones first"))
)]
async fn list(
    account: Account,
    State(state): State<AppState>,
) -> Result<Answer<TodosResponse>, Problem> {
    let todos = state.store.todos(account.id()).await?;
    Ok(Answer(TodosResponse {
        todos: todos.into_iter().map(Into::into).collect(),
    }))
}

/// Adds a todo.
///
/// `Idempotency-Key` makes it safe to repeat for 30 days: a repeat answers the same todo as it is
/// now.
#[utoipa::path(
    post, path = "/api/v1/todos", tag = "todos", operation_id = "add_todo",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 visible ASCII characters")),
    request_body = TodoCreate,
    responses((status = 201, body = TodoResponse, description = "The todo"))
)]
async fn create(
    account: Account,
    State(state): State<AppState>,
    IdempotencyHeader(key): IdempotencyHeader,
    Json(body): Json<TodoCreate>,
) -> Result<(StatusCode, Answer<TodoResponse>), Problem> {
    let mut check = Check::default();
    check.text("/title", &body.title, limits::TODO_TITLE_CHARS);
    let due_at = body
        .due_at
        .as_deref()
        .and_then(|text| due(&mut check, text));
    check.done()?;
    let due_ms = due_at.map(|time| time.0);
    let key = keyed(key, &json!({ "add_todo": [body.title, due_ms] }));
    let todo = state
        .store
        .add_todo(account.id(), body.title, due_at, key, state.now())
        .await?;
    Ok((StatusCode::CREATED, Answer(todo.into())))
}

/// Changes a todo.
#[utoipa::path(
    patch, path = "/api/v1/todos/{id}", tag = "todos", operation_id = "change_todo",
    params(("id" = i64, Path)), request_body = TodoChange,
    responses((status = 200, body = TodoResponse, description = "The todo as it is now"))
)]
async fn change(
    account: Account,
    State(state): State<AppState>,
    PathId(id): PathId<TodoId>,
    Json(body): Json<TodoChange>,
) -> Result<Answer<TodoResponse>, Problem> {
    let mut check = Check::default();
    if let Some(title) = &body.title {
        check.text("/title", title, limits::TODO_TITLE_CHARS);
    }
    let due_at = body
        .due_at
        .map(|given| given.as_deref().and_then(|text| due(&mut check, text)));
    check.done()?;
    let command = TodoCommand::Change {
        id,
        title: body.title,
        done: body.done,
        due_at,
    };
    one(state
        .store
        .todo_command(account.id(), command, state.now())
        .await?)
}

/// Removes a todo.
#[utoipa::path(
    delete, path = "/api/v1/todos/{id}", tag = "todos", operation_id = "remove_todo",
    params(("id" = i64, Path)),
    responses((status = 204, description = "Removed"))
)]
async fn delete(
    account: Account,
    State(state): State<AppState>,
    PathId(id): PathId<TodoId>,
) -> Result<StatusCode, Problem> {
    let command = TodoCommand::Remove { id };
    match state
        .store
        .todo_command(account.id(), command, state.now())
        .await?
    {
        TodoAnswer::Removed(_) => Ok(StatusCode::NO_CONTENT),
        TodoAnswer::NotFound => Err(Problem::not_found()),
        other @ (TodoAnswer::One(_) | TodoAnswer::Many(_)) => Err(unexpected(&other)),
    }
}

fn due(check: &mut Check, text: &str) -> Option<Timestamp> {
    let time = time::parse(text);
    check.ensure(
        time.is_some(),
        "/due_at",
        "This must be a time as in RFC 3339.",
    );
    time
}

fn one(answer: TodoAnswer) -> Result<Answer<TodoResponse>, Problem> {
    match answer {
        TodoAnswer::One(todo) => Ok(Answer(todo.into())),
        TodoAnswer::NotFound => Err(Problem::not_found()),
        other @ (TodoAnswer::Removed(_) | TodoAnswer::Many(_)) => Err(unexpected(&other)),
    }
}

fn unexpected(answer: &TodoAnswer) -> Problem {
    Problem::internal(format!("a todo command answered {answer:?}"))
}
