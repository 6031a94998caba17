//! Opening: connections, pragmas, migrations, the epoch of feeds.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use domain::sabotage::{Mechanism, sabotaged};
use domain::{Bus, Clock, StoreResult, Timestamp};
use futures::FutureExt;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool};
use tokio_util::task::TaskTracker;

use crate::SqlStore;
use crate::db::{Db, HealthCell, Shared};
use crate::durability;
use crate::error::told_by_sqlite;
use crate::journal::{Journal, checkpoint};
use crate::lock::create_private_dir;
use crate::postgres;
use crate::postgres_deltas::DeltaTask;
use crate::pragmas;
use crate::sql::statements;
use crate::tx::Tx;
use crate::value::args;

/// The first release without the WAL-reset defect, which could damage a database.
const SQLITE_NEEDED: (u32, u32, u32) = (3, 51, 3);
const READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 16;

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

statements! {
    SETTING { "SELECT value FROM settings WHERE key = $1" }
    SET_SETTING {
        "INSERT INTO settings (key, value) VALUES ($1, $2) \
         ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    }
    /// For sabotage only.
    DROP_ONE_ACTIVE { "DROP INDEX IF EXISTS runs_one_active" }
    DROP_ONE_PLACED { "DROP INDEX IF EXISTS runs_one_placed" }
    NEW_EPOCH {
        "UPDATE feeds SET epoch = CASE WHEN epoch >= $1 THEN epoch + 1 ELSE $1 END"
    }
}

/// How a store is opened.
pub struct OpenOptions {
    /// `sqlite://<path>` or `postgres://…`; empty: `rejoinder.db` in the data directory.
    pub database_url: String,
    /// Made (mode 0700) where it is missing.
    pub data_dir: PathBuf,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    /// A server, which says when it stopped cleanly. Operator commands beside it do not.
    pub serving: bool,
    /// Changes when the machine starts; `None` where the platform has none (then every unclean stop
    /// counts as a power failure).
    pub boot_id: Option<String>,
}

/// The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("database URL {0:?} is not supported: use sqlite://<path> or postgres://…")]
    Url(String),
    #[error("the data directory can't be made: {0}")]
    DataDir(#[from] std::io::Error),
    #[error("SQLite {0} is too old: 3.51.3 or newer is needed")]
    SqliteVersion(String),
    #[error(
        "the database was written by a newer version (its schema has migration {0}): \
         start that version, or restore a backup from before the upgrade"
    )]
    Newer(i64),
    #[error("SQLite does not do what was asked of it: {0}")]
    Setting(String),
    #[error("the database can't be upgraded: {0}")]
    Migration(String),
    #[error("PostgreSQL at {address} can't be reached: {why}")]
    Unreachable { address: String, why: String },
    #[error("the database can't be opened: {0}")]
    Database(String),
}

pub(crate) fn database(error: impl std::fmt::Display) -> OpenError {
    OpenError::Database(error.to_string())
}

pub(crate) fn sqlite(error: sqlx::Error) -> OpenError {
    OpenError::Database(told_by_sqlite(&error))
}

fn migration(error: MigrateError) -> OpenError {
    match error {
        MigrateError::VersionMissing(version) => OpenError::Newer(version),
        other => OpenError::Migration(other.to_string()),
    }
}

pub(crate) enum Target {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres(Box<PgConnectOptions>),
}

pub(crate) fn target(url: &str, data_dir: &Path) -> Result<Target, OpenError> {
    if url.is_empty() {
        let options = SqliteConnectOptions::new().filename(data_dir.join("rejoinder.db"));
        return Ok(Target::Sqlite(Box::new(options)));
    }
    let bad = |_| OpenError::Url(url.split('@').next_back().unwrap_or_default().to_owned());
    if url.starts_with("sqlite:") {
        refuse_memory(url)?;
        return Ok(Target::Sqlite(Box::new(
            SqliteConnectOptions::from_str(url).map_err(bad)?,
        )));
    }
    if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        return Ok(Target::Postgres(Box::new(
            PgConnectOptions::from_str(url).map_err(bad)?,
        )));
    }
    Err(OpenError::Url(url.to_owned()))
}

/// A database in memory has no log; what stands for its name would become an empty file.
fn refuse_memory(url: &str) -> Result<(), OpenError> {
    let (name, settings) = url.split_once('?').unwrap_or((url, ""));
    let name = name.trim_start_matches("sqlite:").trim_start_matches("//");
    if name == ":memory:" || settings.split('&').any(|setting| setting == "mode=memory") {
        return Err(pragmas::not_held("PRAGMA journal_mode", "memory"));
    }
    Ok(())
}

async fn sqlite_writer(options: SqliteConnectOptions) -> Result<SqliteConnection, OpenError> {
    private_file(options.get_filename())?;
    let mut writer = pragmas::ask(options).connect().await.map_err(sqlite)?;
    let version: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(&mut writer)
        .await
        .map_err(sqlite)?;
    let mut parts = version
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let mut part = || parts.next().unwrap_or(0);
    if (part(), part(), part()) < SQLITE_NEEDED {
        return Err(OpenError::SqliteVersion(version));
    }
    pragmas::check(&mut writer).await?;
    Ok(writer)
}

/// Readable by its owner only, from its first byte on.
fn private_file(path: &Path) -> Result<(), OpenError> {
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        create_private_dir(parent)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn sqlite_readers(options: SqliteConnectOptions) -> SqlitePool {
    PoolOptions::<Sqlite>::new()
        .max_connections(READERS)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(Duration::from_secs(10))
        .connect_lazy_with(pragmas::ask(options).pragma("query_only", "ON"))
}

async fn postgres_pool(options: PgConnectOptions) -> Result<PgPool, OpenError> {
    postgres::reachable(&options).await?;
    PoolOptions::<Postgres>::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(Duration::from_secs(10))
        .after_connect(|conn, _| {
            async move {
                sqlx::query(durability::COMMITS_WAIT)
                    .execute(conn)
                    .await
                    .map(|_| ())
            }
            .boxed()
        })
        // sqlx 0.9.0 leaks the transaction of a cancelled begin() into the pool.
        .after_release(|conn, _| {
            async move {
                sqlx::query("ROLLBACK").execute(conn).await?;
                Ok(true)
            }
            .boxed()
        })
        .connect_with(
            options
                .application_name("rejoinder")
                .options([
                    ("statement_timeout", "30000"),
                    ("idle_in_transaction_session_timeout", "30000"),
                    // "There is no transaction in progress" for every connection that comes home.
                    ("client_min_messages", "error"),
                ])
                .statement_cache_capacity(256)
                .disable_statement_logging(),
        )
        .await
        .map_err(database)
}

/// Whether there is something to open: of SQLite its file, of PostgreSQL a server that lets us in.
/// Makes nothing.
pub async fn exists(database_url: &str, data_dir: &Path) -> Result<bool, OpenError> {
    match target(database_url, data_dir)? {
        Target::Sqlite(options) => Ok(options.get_filename().exists()),
        Target::Postgres(options) => postgres::reachable(&options).await.map(|()| true),
    }
}

/// Brings the schema up to date; answers its version.
pub async fn migrate(database_url: &str, data_dir: &Path) -> Result<i64, OpenError> {
    create_private_dir(data_dir)?;
    match target(database_url, data_dir)? {
        Target::Sqlite(options) => {
            use sqlx::Connection;
            let mut writer = sqlite_writer(*options).await?;
            SQLITE_MIGRATIONS
                .run(&mut writer)
                .await
                .map_err(migration)?;
            writer.close().await.map_err(database)?;
        }
        Target::Postgres(options) => {
            let pool = postgres_pool(*options).await?;
            POSTGRES_MIGRATIONS.run(&pool).await.map_err(migration)?;
            pool.close().await;
        }
    }
    Ok(schema_version())
}

/// The schema that this program works with.
#[must_use]
pub fn schema_version() -> i64 {
    SQLITE_MIGRATIONS
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0)
}

impl SqlStore {
    /// Opens and upgrades the database.
    pub async fn open(options: OpenOptions) -> Result<Self, OpenError> {
        create_private_dir(&options.data_dir)?;
        let (bus, clock) = (options.bus, options.clock);
        let health = HealthCell::new();
        let tracker = TaskTracker::new();
        let db = match target(&options.database_url, &options.data_dir)? {
            Target::Sqlite(connect) => {
                let mut writer = sqlite_writer((*connect).clone()).await?;
                SQLITE_MIGRATIONS
                    .run(&mut writer)
                    .await
                    .map_err(migration)?;
                if options.serving {
                    checkpoint::before_serving(&mut writer).await?;
                }
                let journal = Journal::start(writer, bus, health.clone(), &tracker);
                Db::Sqlite {
                    journal,
                    read: sqlite_readers(*connect),
                }
            }
            Target::Postgres(connect) => {
                let pool = postgres_pool(*connect).await?;
                POSTGRES_MIGRATIONS.run(&pool).await.map_err(migration)?;
                let shared = Shared {
                    bus,
                    health: health.clone(),
                    tracker: tracker.clone(),
                };
                let deltas = DeltaTask::start(pool.clone(), shared.clone());
                Db::Postgres {
                    pool,
                    deltas,
                    shared,
                }
            }
        };
        let store = Self {
            db,
            clock,
            health,
            tracker,
            serving: options.serving,
        };
        if sabotaged(Mechanism::OneActiveRun) {
            let dropped = store.db.write((), |tx, ()| drop_one_active(tx).boxed());
            dropped.await.map_err(database)?;
        }
        if store.serving {
            let now = store.clock.now();
            let boot_id = options.boot_id;
            let begun = store.db.write((boot_id, now), |tx, (boot_id, now)| {
                begin(tx, boot_id, now).boxed()
            });
            begun.await.map_err(database)?;
        }
        Ok(store)
    }
}

async fn setting(tx: &mut Tx, key: &'static str) -> StoreResult<Option<String>> {
    tx.maybe(SETTING, args![key])
        .await?
        .map(|row| row.get("value"))
        .transpose()
}

pub(crate) async fn set(tx: &mut Tx, key: &'static str, value: String) -> StoreResult<()> {
    tx.run(SET_SETTING, args![key, value]).await.map(|_| ())
}

async fn drop_one_active(tx: &mut Tx) -> StoreResult<()> {
    tx.run(DROP_ONE_ACTIVE, args![]).await?;
    tx.run(DROP_ONE_PLACED, args![]).await.map(|_| ())
}

/// Makes every cursor that was given out so far invalid.
pub(crate) async fn new_epoch(tx: &mut Tx, now: Timestamp) -> StoreResult<()> {
    // By the clock, so that an epoch is never used twice, not even after a restore.
    tx.run(NEW_EPOCH, args![now.0.max(1)]).await.map(|_| ())
}

/// The power may have taken the last deltas of SQLite back (`synchronous = NORMAL`): their numbers
/// would be given out again. Postgres keeps its own promises.
async fn begin(tx: &mut Tx, boot_id: Option<String>, now: Timestamp) -> StoreResult<()> {
    let before = setting(tx, "boot_id").await?;
    let clean = setting(tx, "clean_stop").await?;
    let stopped_uncleanly = clean.as_deref() == Some("0");
    let other_boot = boot_id.is_none() || before != boot_id;
    if stopped_uncleanly && other_boot && !tx.is_postgres() {
        new_epoch(tx, now).await?;
    }
    set(tx, "boot_id", boot_id.unwrap_or_default()).await?;
    set(tx, "clean_stop", "0".to_owned()).await
}

pub(crate) async fn mark_clean_stop(tx: &mut Tx) -> StoreResult<()> {
    set(tx, "clean_stop", "1".to_owned()).await
}
