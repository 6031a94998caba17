//! The two databases behind one door: `write` and `read` run a body on either.

use std::sync::{Arc, Mutex, PoisonError};

use domain::store::Health;
use domain::{Bus, StoreError, StoreResult};
use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::{Connection, PgPool, SqlitePool};
use tokio_util::task::TaskTracker;

use crate::error::{self, Says};
use crate::feed;
use crate::journal::Journal;
use crate::postgres_deltas::DeltaTask;
use crate::tx::{Conn, Events, Tx};

/// Attempts of one Postgres transaction that fails for reasons that pass.
const ATTEMPTS: u32 = 4;

#[derive(Clone)]
pub(crate) enum Db {
    Sqlite {
        journal: Journal,
        read: SqlitePool,
    },
    Postgres {
        pool: PgPool,
        deltas: DeltaTask,
        shared: Shared,
    },
}

/// What every transaction of this process needs.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) health: HealthCell,
    pub(crate) tracker: TaskTracker,
}

/// Last known state of the store.
#[derive(Clone)]
pub(crate) struct HealthCell(Arc<Mutex<Health>>);

impl HealthCell {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Health::Ready)))
    }

    pub(crate) fn get(&self) -> Health {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, health: Health) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Broken stays: what was lost is not found again by going on.
        if !matches!(*now, Health::Broken(_)) {
            *now = health;
        }
    }

    pub(crate) fn writable(&self) {
        self.set(Health::Ready);
    }

    pub(crate) fn not_writable(&self, why: &str) {
        self.set(Health::NotWritable(why.to_owned()));
    }

    /// By PostgreSQL. Who was refused a moment's lock is no sign of a disk that is full.
    pub(crate) fn told(&self, error: &StoreError, says: Says) {
        if let StoreError::NotWritable(why) = error
            && says.unwritable
        {
            self.not_writable(why);
        }
    }

    pub(crate) fn failed(&self, error: &StoreError) {
        match error {
            StoreError::NotWritable(why) => self.not_writable(why),
            StoreError::Unknown(why) => self.set(Health::Broken(why.clone())),
            _ => {}
        }
    }
}

impl Db {
    /// Runs a body in a transaction that ends whether or not the caller still waits.
    pub(crate) async fn write<A, T, F>(&self, args: A, body: F) -> StoreResult<T>
    where
        A: Clone + Send + Sync + 'static,
        T: Send + 'static,
        F: for<'c> Fn(&'c mut Tx, A) -> BoxFuture<'c, StoreResult<T>> + Send + Sync + 'static,
    {
        match self {
            Self::Sqlite { journal, .. } => journal.write(args, body).await,
            Self::Postgres { pool, shared, .. } => {
                let (pool, owned) = (pool.clone(), shared.clone());
                let task = async move { retried(&pool, &owned, args, body).await };
                shared
                    .tracker
                    .spawn(task)
                    .await
                    .map_err(StoreError::internal)?
            }
        }
    }

    /// Runs a body on one snapshot of the database.
    pub(crate) async fn snapshot<A, T, F>(&self, args: A, body: F) -> StoreResult<T>
    where
        A: Send,
        F: for<'c> FnOnce(&'c mut Tx, A) -> BoxFuture<'c, StoreResult<T>> + Send,
    {
        let mut tx = match self {
            Self::Sqlite { read, .. } => {
                let snapshot = read.begin().await.map_err(|e| error::from_sqlite(&e))?;
                Tx::new(Conn::Snapshot(snapshot))
            }
            Self::Postgres { .. } => {
                let mut tx = self.reader().await?;
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                plain(&mut tx, begin)
                    .await
                    .map_err(|e| error::from_postgres(&e).0)?;
                tx
            }
        };
        // Left open when the body fails or is dropped: the drop of a transaction (SQLite) or the
        // pool (Postgres) rolls back.
        let answer = body(&mut tx, args).await?;
        match tx.conn {
            Conn::Snapshot(snapshot) => {
                let _ = snapshot.commit().await;
            }
            _ => {
                let _ = plain(&mut tx, "COMMIT").await;
            }
        }
        Ok(answer)
    }

    /// Runs a body of one statement: its own snapshot.
    pub(crate) async fn read<A, T, F>(&self, args: A, body: F) -> StoreResult<T>
    where
        A: Send,
        F: for<'c> FnOnce(&'c mut Tx, A) -> BoxFuture<'c, StoreResult<T>> + Send,
    {
        let mut tx = self.reader().await?;
        body(&mut tx, args).await
    }

    async fn reader(&self) -> StoreResult<Tx> {
        let conn = match self {
            Self::Sqlite { read, .. } => {
                Conn::Reader(read.acquire().await.map_err(|e| error::from_sqlite(&e))?)
            }
            Self::Postgres { pool, .. } => Conn::Postgres(
                pool.acquire()
                    .await
                    .map_err(|e| error::from_postgres(&e).0)?,
            ),
        };
        Ok(Tx::new(conn))
    }
}

pub(crate) async fn plain(tx: &mut Tx, sql: &'static str) -> Result<(), sqlx::Error> {
    match &mut tx.conn {
        Conn::Writer(conn) => sqlx::query(sql).execute(&mut **conn).await.map(|_| ()),
        Conn::Reader(conn) => sqlx::query(sql).execute(&mut **conn).await.map(|_| ()),
        Conn::Snapshot(conn) => sqlx::query(sql).execute(&mut **conn).await.map(|_| ()),
        Conn::Postgres(conn) => sqlx::query(sql).execute(&mut **conn).await.map(|_| ()),
    }
}

async fn retried<A, T, F>(pool: &PgPool, shared: &Shared, args: A, body: F) -> StoreResult<T>
where
    A: Clone + Send + Sync,
    T: Send,
    F: for<'c> Fn(&'c mut Tx, A) -> BoxFuture<'c, StoreResult<T>> + Send + Sync,
{
    let mut attempt = 1;
    loop {
        let work = postgres(pool, |tx| body(tx, args.clone()));
        let (outcome, says) = work.await;
        match outcome {
            // Says nothing of the next write: its table may have room where others have none. A store
            // that can't be written is well again when the probe says so.
            Ok((answer, events)) => {
                if !events.is_empty() {
                    shared.bus.publish(&events);
                }
                return Ok(answer);
            }
            Err(error) if says.retry && attempt < ATTEMPTS => {
                tracing::debug!(%error, attempt, "a transaction is tried again");
                attempt += 1;
            }
            Err(error) => {
                // One lost answer is the caller's to repeat; the database itself is not broken.
                shared.health.told(&error, says);
                return Err(error);
            }
        }
    }
}

/// One transaction on Postgres; answers with its events, and with what an error says.
pub(crate) async fn postgres<T, F>(pool: &PgPool, body: F) -> (StoreResult<(T, Events)>, Says)
where
    F: for<'c> FnOnce(&'c mut Tx) -> BoxFuture<'c, StoreResult<T>>,
{
    let conn = match pool.acquire().await {
        Ok(conn) => conn,
        Err(e) => {
            let (error, mut says) = error::from_postgres(&e);
            if matches!(e, sqlx::Error::PoolTimedOut) {
                // Where all of them are at work, others are served; a database that is away fills
                // no pool.
                says.unwritable = pool.size() < pool.options().get_max_connections();
            }
            return (Err(error), says);
        }
    };
    let mut tx = Tx::new(Conn::Postgres(conn));
    if let Err(e) = plain(&mut tx, "BEGIN").await {
        let (error, says) = error::from_postgres(&e);
        return (Err(error), says);
    }
    let work = async {
        let answer = body(&mut tx).await?;
        let events = feed::flush(&mut tx).await?;
        Ok((answer, events))
    };
    let done = work.await;
    match done {
        Ok(done) => match plain(&mut tx, "COMMIT").await {
            Ok(()) => (Ok(done), Says::default()),
            Err(e) => {
                let (error, says) = error::from_postgres_commit(&e);
                (Err(error), says)
            }
        },
        Err(error) => {
            let says = tx.says;
            if plain(&mut tx, "ROLLBACK").await.is_err()
                && let Conn::Postgres(conn) = tx.conn
            {
                // A connection that can't roll back is of no use to anybody.
                let _ = conn.detach().close_hard().boxed().await;
            }
            (Err(error), says)
        }
    }
}

/// `tx!(store, operation(a, b))`: the operation as a transaction of the writer.
macro_rules! tx {
    ($store:expr, $operation:path $(, $arg:ident)* $(,)?) => {
        $store.db.write(($($arg,)*), |tx, ($($arg,)*)| Box::pin($operation(tx, $($arg),*))).await
    };
}
pub(crate) use tx;

/// `snapshot!(store, operation, a, b)`: the operation on one snapshot, without writing.
macro_rules! snapshot {
    ($store:expr, $operation:path $(, $arg:ident)* $(,)?) => {
        $store.db.snapshot(($($arg,)*), |tx, ($($arg,)*)| Box::pin($operation(tx, $($arg),*))).await
    };
}
pub(crate) use snapshot;

/// `read!(store, operation, a, b)`: an operation of a single statement.
macro_rules! read {
    ($store:expr, $operation:path $(, $arg:ident)* $(,)?) => {
        $store.db.read(($($arg,)*), |tx, ($($arg,)*)| Box::pin($operation(tx, $($arg),*))).await
    };
}
pub(crate) use read;
