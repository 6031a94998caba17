//! A connection with its open transaction, of either database.

use std::sync::Arc;

use domain::{ConversationId, Event, EventBody, RunId, StoreError, StoreResult, Timestamp, UserId};
use sqlx::pool::PoolConnection;
use sqlx::{Postgres, Sqlite, SqliteConnection, Transaction};

use crate::error::{self, Says};
use crate::sql::Sql;
use crate::value::{Row, Value};

pub(crate) enum Conn {
    /// The one connection that writes, owned by the journal.
    Writer(Box<SqliteConnection>),
    Reader(PoolConnection<Sqlite>),
    /// A reader with its snapshot; dropping it lets the snapshot go.
    Snapshot(Transaction<'static, Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

/// A line of a feed that has no number yet: numbers are given as the last thing in a transaction.
#[derive(Debug, Clone)]
pub(crate) struct NewEvent {
    pub(crate) user_id: UserId,
    pub(crate) conversation_id: Option<ConversationId>,
    pub(crate) run_id: Option<RunId>,
    pub(crate) body: EventBody,
    pub(crate) created_at: Timestamp,
}

pub struct Tx {
    pub(crate) conn: Conn,
    /// Lines to be numbered and stored by [`crate::feed::flush`].
    pub(crate) pending: Vec<NewEvent>,
    /// What the errors of its statements said.
    pub(crate) says: Says,
    /// Something was deleted whose bytes should leave the WAL soon.
    pub(crate) scrub: bool,
}

macro_rules! run {
    ($self:ident, $sql:ident, $args:ident, $method:ident) => {{
        #[cfg(feature = "sabotage")]
        let $sql = crate::unowned::statement($sql);
        match &mut $self.conn {
            Conn::Writer(conn) => {
                let query = $args
                    .into_iter()
                    .fold(sqlx::query($sql.sqlite), |q, v| v.bind_sqlite(q));
                query
                    .$method(&mut **conn)
                    .await
                    .map_err(|e| error::from_sqlite(&e))
                    .map(Into::into)
            }
            Conn::Reader(conn) => {
                let query = $args
                    .into_iter()
                    .fold(sqlx::query($sql.sqlite), |q, v| v.bind_sqlite(q));
                query
                    .$method(&mut **conn)
                    .await
                    .map_err(|e| error::from_sqlite(&e))
                    .map(Into::into)
            }
            Conn::Snapshot(conn) => {
                let query = $args
                    .into_iter()
                    .fold(sqlx::query($sql.sqlite), |q, v| v.bind_sqlite(q));
                query
                    .$method(&mut **conn)
                    .await
                    .map_err(|e| error::from_sqlite(&e))
                    .map(Into::into)
            }
            Conn::Postgres(conn) => {
                let query = $args
                    .into_iter()
                    .fold(sqlx::query($sql.postgres), |q, v| v.bind_postgres(q));
                query
                    .$method(&mut **conn)
                    .await
                    .map_err(|e| {
                        let (error, says) = error::from_postgres(&e);
                        $self.says.retry |= says.retry;
                        $self.says.unwritable |= says.unwritable;
                        error
                    })
                    .map(Into::into)
            }
        }
    }};
}

pub(crate) struct Rows(pub(crate) Vec<Row>);
struct MaybeRow(Option<Row>);
struct Affected(u64);

impl From<Vec<sqlx::sqlite::SqliteRow>> for Rows {
    fn from(rows: Vec<sqlx::sqlite::SqliteRow>) -> Self {
        Self(rows.into_iter().map(Row::Sqlite).collect())
    }
}
impl From<Vec<sqlx::postgres::PgRow>> for Rows {
    fn from(rows: Vec<sqlx::postgres::PgRow>) -> Self {
        Self(rows.into_iter().map(Row::Postgres).collect())
    }
}
impl From<Option<sqlx::sqlite::SqliteRow>> for MaybeRow {
    fn from(row: Option<sqlx::sqlite::SqliteRow>) -> Self {
        Self(row.map(Row::Sqlite))
    }
}
impl From<Option<sqlx::postgres::PgRow>> for MaybeRow {
    fn from(row: Option<sqlx::postgres::PgRow>) -> Self {
        Self(row.map(Row::Postgres))
    }
}
impl From<sqlx::sqlite::SqliteQueryResult> for Affected {
    fn from(result: sqlx::sqlite::SqliteQueryResult) -> Self {
        Self(result.rows_affected())
    }
}
impl From<sqlx::postgres::PgQueryResult> for Affected {
    fn from(result: sqlx::postgres::PgQueryResult) -> Self {
        Self(result.rows_affected())
    }
}

impl Tx {
    pub(crate) fn new(conn: Conn) -> Self {
        Self {
            conn,
            pending: Vec::new(),
            says: Says::default(),
            scrub: false,
        }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.conn, Conn::Postgres(_))
    }

    pub(crate) async fn all(&mut self, sql: Sql, args: Vec<Value>) -> StoreResult<Vec<Row>> {
        let rows: StoreResult<Rows> = run!(self, sql, args, fetch_all);
        rows.map(|rows| rows.0)
    }

    pub(crate) async fn maybe(&mut self, sql: Sql, args: Vec<Value>) -> StoreResult<Option<Row>> {
        let row: StoreResult<MaybeRow> = run!(self, sql, args, fetch_optional);
        row.map(|row| row.0)
    }

    /// A row that must be there, or [`StoreError::NotFound`].
    pub(crate) async fn one(&mut self, sql: Sql, args: Vec<Value>) -> StoreResult<Row> {
        self.maybe(sql, args).await?.ok_or(StoreError::NotFound)
    }

    /// Answers how many rows were changed.
    pub(crate) async fn run(&mut self, sql: Sql, args: Vec<Value>) -> StoreResult<u64> {
        let done: StoreResult<Affected> = run!(self, sql, args, execute);
        done.map(|done| done.0)
    }

    pub(crate) fn emit(
        &mut self,
        user_id: UserId,
        conversation_id: Option<ConversationId>,
        run_id: Option<RunId>,
        body: EventBody,
        created_at: Timestamp,
    ) {
        self.pending.push(NewEvent {
            user_id,
            conversation_id,
            run_id,
            body,
            created_at,
        });
    }
}

/// Events of a committed transaction, to be published.
pub(crate) type Events = Vec<Arc<Event>>;
