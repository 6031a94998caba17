//! Health, sweeping, closing.

use async_trait::async_trait;
use domain::limits::{DELTAS_KEPT_MS, EVENTS_KEPT_MS, IDEMPOTENCY_KEPT_MS};
use domain::store::{Health, Maintenance, Swept};
use domain::{StoreError, StoreResult, Timestamp};

use crate::SqlStore;
use crate::db::{Db, read, tx};
use crate::open;
use crate::space;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::{Value, args};

/// Rows of one kind that one call removes.
const SWEEP_ROWS: i64 = 5_000;
/// Runs whose deltas one call removes.
const SWEEP_RUNS: i64 = 64;
const SWEEP_USERS: i64 = 64;

statements! {
    UNSWEPT_RUNS {
        "SELECT run_id FROM runs WHERE deltas_swept = FALSE AND finished_at < $1 \
         ORDER BY finished_at LIMIT $2"
    }
    SWEEP_DELTAS {
        "DELETE FROM events WHERE kind = 'delta' AND (conversation_id, message_id) IN (\
         SELECT m.conversation_id, m.id FROM conversation_messages m WHERE m.run_id IN " uuids("$1")
        ")"
    }
    MARK_SWEPT { "UPDATE runs SET deltas_swept = TRUE WHERE run_id IN " uuids("$1") }
    OLD_FEEDS {
        "SELECT f.user_id FROM feeds f WHERE (SELECT e.created_at FROM events e \
         WHERE e.user_id = f.user_id ORDER BY e.seq LIMIT 1) < $1 ORDER BY f.user_id LIMIT $2"
    }
    /// Up to the first line that is young enough to stay.
    OLD_END {
        "SELECT MAX(o.seq) AS seq FROM (SELECT e.seq, e.created_at FROM events e \
         WHERE e.user_id = $1 ORDER BY e.seq LIMIT $3) o WHERE o.created_at < $2 \
         AND o.seq < COALESCE((SELECT MIN(y.seq) FROM (SELECT e.seq, e.created_at FROM events e \
         WHERE e.user_id = $1 ORDER BY e.seq LIMIT $3) y WHERE y.created_at >= $2), o.seq + 1)"
    }
    SWEEP_EVENTS { "DELETE FROM events WHERE user_id = $1 AND seq <= $2" }
    RAISE_FLOOR { "UPDATE feeds SET floor_seq = $2 WHERE user_id = $1 AND floor_seq < $2" }
    SWEEP_KEYS {
        "DELETE FROM idempotency_keys WHERE (user_id, key) IN (SELECT user_id, key \
         FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)"
    }
    SWEEP_SESSIONS {
        "DELETE FROM sessions WHERE session_id IN (SELECT session_id FROM sessions \
         WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)"
    }
    VERSION { either("SELECT sqlite_version() AS version", "SELECT current_setting('server_version') AS version") }
}

async fn sweep(tx: &mut Tx, now: Timestamp) -> StoreResult<Swept> {
    let mut swept = Swept::default();
    let rows = tx
        .all(
            UNSWEPT_RUNS,
            args![now.plus_millis(-DELTAS_KEPT_MS), SWEEP_RUNS],
        )
        .await?;
    if !rows.is_empty() {
        let runs = rows
            .iter()
            .map(|row| row.get("run_id"))
            .collect::<StoreResult<Vec<_>>>()?;
        let runs = Value::Uuids(runs);
        swept.deltas = tx.run(SWEEP_DELTAS, vec![runs.clone()]).await?;
        tx.run(MARK_SWEPT, vec![runs]).await?;
    }
    let oldest = now.plus_millis(-EVENTS_KEPT_MS);
    for row in tx.all(OLD_FEEDS, args![oldest, SWEEP_USERS]).await? {
        let user_id: i64 = row.get("user_id")?;
        let end = tx.one(OLD_END, args![user_id, oldest, SWEEP_ROWS]).await?;
        if let Some(end) = end.get::<Option<i64>>("seq")? {
            swept.events += tx.run(SWEEP_EVENTS, args![user_id, end]).await?;
            tx.run(RAISE_FLOOR, args![user_id, end]).await?;
        }
    }
    let oldest = now.plus_millis(-IDEMPOTENCY_KEPT_MS);
    swept.keys = tx.run(SWEEP_KEYS, args![oldest, SWEEP_ROWS]).await?;
    swept.sessions = tx.run(SWEEP_SESSIONS, args![now, SWEEP_ROWS]).await?;
    tx.scrub |= swept != Swept::default();
    Ok(swept)
}

/// A commit, not only a statement: SQLite asks the disk for space when it commits.
async fn touch(tx: &mut Tx, now: Timestamp) -> StoreResult<()> {
    open::set(tx, "probed_at", now.0.to_string()).await
}

/// What a rolled-back write ends with, so that nothing of it stays.
const ROLLED_BACK: &str = "probe";

async fn try_out(tx: &mut Tx, now: Timestamp) -> StoreResult<()> {
    touch(tx, now).await?;
    Err(StoreError::Internal(ROLLED_BACK.to_owned()))
}

async fn version(tx: &mut Tx) -> StoreResult<String> {
    let product = if tx.is_postgres() {
        "postgresql"
    } else {
        "sqlite"
    };
    let version: String = tx.one(VERSION, args![]).await?.get("version")?;
    // Debian adds its own name: "15.18 (Debian 15.18-0+deb12u1)".
    Ok(format!(
        "{product} {}",
        version.split(' ').next().unwrap_or_default()
    ))
}

#[async_trait]
impl Maintenance for SqlStore {
    fn health(&self) -> Health {
        self.health.get()
    }

    async fn probe(&self) -> Health {
        let now = self.clock.now();
        let health = self.health.get();
        let outcome = match &health {
            Health::Broken(_) => return health,
            Health::Ready => tx!(self, try_out, now),
            Health::NotWritable(_) => match tx!(self, space::claim) {
                Ok(()) => tx!(self, touch, now),
                refused => refused,
            },
        };
        match outcome {
            Ok(()) => self.health.writable(),
            Err(StoreError::Internal(reason)) if reason == ROLLED_BACK => {}
            Err(error @ StoreError::Unknown(_)) if matches!(self.db, Db::Sqlite { .. }) => {
                self.health.failed(&error);
            }
            Err(error) => self.health.not_writable(&error.to_string()),
        }
        self.health.get()
    }

    async fn sweep(&self, now: Timestamp) -> StoreResult<Swept> {
        tx!(self, sweep, now)
    }

    async fn close(&self) -> Result<(), StoreError> {
        let marked = if self.serving {
            tx!(self, open::mark_clean_stop)
        } else {
            Ok(())
        };
        self.tracker.close();
        let closed = match &self.db {
            Db::Sqlite { journal, read } => {
                read.close().await;
                journal.close().await
            }
            Db::Postgres { pool, .. } => {
                pool.close().await;
                Ok(())
            }
        };
        marked.and(closed)
    }

    async fn version(&self) -> StoreResult<String> {
        read!(self, version)
    }
}

impl SqlStore {
    /// For `doctor` and tests: what is wrong with the database, one line each. Empty is good.
    pub async fn check_integrity(&self) -> StoreResult<Vec<String>> {
        let Db::Sqlite { read, .. } = &self.db else {
            return Ok(Vec::new());
        };
        let mut conn = read.acquire().await.map_err(StoreError::internal)?;
        let lines: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check")
            .fetch_all(&mut *conn)
            .await
            .map_err(StoreError::internal)?;
        let orphans = sqlx::query("PRAGMA foreign_key_check")
            .fetch_all(&mut *conn)
            .await
            .map_err(StoreError::internal)?;
        let mut problems: Vec<String> = lines.into_iter().filter(|line| line != "ok").collect();
        if !orphans.is_empty() {
            problems.push(format!("{} rows belong to nothing", orphans.len()));
        }
        Ok(problems)
    }

    /// Writes the write-ahead log back and cuts it to nothing; the journal does it by itself soon
    /// after a deletion. `false` when a reader was in the way; always `true` on Postgres.
    pub async fn checkpoint(&self) -> bool {
        match &self.db {
            Db::Sqlite { journal, .. } => journal.checkpoint().await,
            Db::Postgres { .. } => true,
        }
    }
}
