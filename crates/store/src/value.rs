//! Parameters and columns: one enum for both drivers, so that a body is written once.

use domain::{
    ApprovalId, CallId, ConversationId, MessageId, NodeId, RunId, SessionId, StoreError,
    StoreResult, Timestamp, TodoId, UserId,
};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::types::Json;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};
use uuid::Uuid;

/// A parameter of a statement.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bool(Option<bool>),
    Uuid(Option<Uuid>),
    Json(Option<serde_json::Value>),
    Ints(Vec<i64>),
    Uuids(Vec<Uuid>),
}

impl Value {
    pub(crate) fn bind_sqlite<'q>(
        self,
        query: Query<'q, Sqlite, SqliteArguments>,
    ) -> Query<'q, Sqlite, SqliteArguments> {
        match self {
            Self::Int(v) => query.bind(v),
            Self::Text(v) => query.bind(v),
            Self::Bool(v) => query.bind(v),
            Self::Uuid(v) => query.bind(v),
            Self::Json(v) => query.bind(v.map(|v| v.to_string())),
            Self::Ints(v) => query.bind(Json(v)),
            Self::Uuids(v) => query.bind(Json(
                v.iter().map(|u| u.simple().to_string()).collect::<Vec<_>>(),
            )),
        }
    }

    pub(crate) fn bind_postgres<'q>(
        self,
        query: Query<'q, Postgres, PgArguments>,
    ) -> Query<'q, Postgres, PgArguments> {
        match self {
            Self::Int(v) => query.bind(v),
            Self::Text(v) => query.bind(v),
            Self::Bool(v) => query.bind(v),
            Self::Uuid(v) => query.bind(v),
            Self::Json(v) => query.bind(v.map(Json)),
            Self::Ints(v) => query.bind(v),
            Self::Uuids(v) => query.bind(v),
        }
    }
}

/// What can be a parameter. `none` is the NULL of its type: Postgres wants to know which.
pub(crate) trait Param {
    fn value(self) -> Value;
    fn none() -> Value;
}

macro_rules! param {
    ($($kind:ident: $($type:ty => |$v:ident| $value:expr),+;)+) => {$($(
        impl Param for $type {
            fn value(self) -> Value {
                let $v = self;
                Value::$kind(Some($value))
            }
            fn none() -> Value {
                Value::$kind(None)
            }
        }
    )+)+};
}

param! {
    Int: i64 => |v| v, UserId => |v| v.0, MessageId => |v| v.0, TodoId => |v| v.0,
        Timestamp => |v| v.0;
    Text: String => |v| v, &str => |v| v.to_owned(), &String => |v| v.clone();
    Bool: bool => |v| v;
    Uuid: Uuid => |v| v, ConversationId => |v| v.0, RunId => |v| v.0, SessionId => |v| v.0,
        CallId => |v| v.0, ApprovalId => |v| v.0, NodeId => |v| v.0;
    Json: serde_json::Value => |v| v, &serde_json::Value => |v| v.clone();
}

impl<T: Param> Param for Option<T> {
    fn value(self) -> Value {
        self.map_or_else(T::none, T::value)
    }
    fn none() -> Value {
        T::none()
    }
}

impl Param for Value {
    fn value(self) -> Value {
        self
    }
    fn none() -> Value {
        Value::Int(None)
    }
}

macro_rules! args {
    ($($arg:expr),* $(,)?) => { vec![$($crate::value::Param::value($arg)),*] };
}
pub(crate) use args;

pub(crate) fn ints(ids: impl IntoIterator<Item = i64>) -> Value {
    Value::Ints(ids.into_iter().collect())
}

/// A type that both drivers read.
pub(crate) trait Cell:
    for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

impl<T> Cell for T where
    T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    pub(crate) fn get<T: Cell>(&self, column: &str) -> StoreResult<T> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
        .map_err(StoreError::internal)
    }

    pub(crate) fn json(&self, column: &str) -> StoreResult<Option<serde_json::Value>> {
        Ok(self
            .get::<Option<Json<serde_json::Value>>>(column)?
            .map(|json| json.0))
    }

    /// A column of a closed set of words.
    pub(crate) fn word<T>(&self, column: &str, parse: fn(&str) -> Option<T>) -> StoreResult<T> {
        let text: String = self.get(column)?;
        parse(&text).ok_or_else(|| StoreError::Internal(format!("{column} is {text:?}")))
    }

    pub(crate) fn time(&self, column: &str) -> StoreResult<Timestamp> {
        Ok(Timestamp(self.get(column)?))
    }

    pub(crate) fn maybe_time(&self, column: &str) -> StoreResult<Option<Timestamp>> {
        Ok(self.get::<Option<i64>>(column)?.map(Timestamp))
    }
}
