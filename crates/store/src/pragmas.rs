//! What every connection to SQLite asks for, and the check that it got it: a setting that SQLite
//! can't follow is ignored by it in silence, and the promises about power failures and deletion
//! would hold no more.

use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection};

use crate::open::{OpenError, sqlite};

/// More of the log than this is given back to the file system.
const WAL_KEPT_BYTES: &str = "67108864";

pub(crate) fn ask(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true)
        .pragma("journal_size_limit", WAL_KEPT_BYTES)
        .pragma("secure_delete", "ON")
        // SQLite swallows what goes wrong in a checkpoint of its own, a failed fsync included.
        .pragma("wal_autocheckpoint", "0")
        // Where there is another way to flush a drive than fsync (macOS).
        .pragma("fullfsync", "ON")
        // Large sorts spill: not onto another disk that may be full, and not where deleted words
        // would stay.
        .pragma("temp_store", "MEMORY")
        .statement_cache_capacity(256)
        .disable_statement_logging()
}

/// Name, what it must answer, and what is lost otherwise.
const HELD: [(&str, &str, &str); 7] = [
    (
        "PRAGMA journal_mode",
        "wal",
        "the database needs a file, on a file system that SQLite's log works on",
    ),
    (
        "PRAGMA synchronous",
        "2",
        "a power failure could take acknowledged messages back",
    ),
    ("PRAGMA foreign_keys", "1", "rows could belong to nothing"),
    (
        "PRAGMA secure_delete",
        "1",
        "deleted text would stay in the file",
    ),
    (
        "PRAGMA wal_autocheckpoint",
        "0",
        "a failing disk would go unnoticed",
    ),
    (
        "PRAGMA fullfsync",
        "1",
        "a power failure could take acknowledged messages back",
    ),
    (
        "PRAGMA temp_store",
        "2",
        "deleted text could stay in temporary files",
    ),
];

/// Compares every setting with what was asked for.
pub(crate) async fn check(conn: &mut SqliteConnection) -> Result<(), OpenError> {
    for (pragma, wanted, _) in HELD {
        let found = value(conn, pragma).await?;
        if found != wanted {
            return Err(not_held(pragma, &found));
        }
    }
    Ok(())
}

/// What to say of a setting that is another one.
pub(crate) fn not_held(name: &str, found: &str) -> OpenError {
    let held = HELD.iter().find(|(pragma, ..)| *pragma == name);
    let (wanted, why) = held.map_or(("", ""), |(_, wanted, why)| (*wanted, *why));
    OpenError::Setting(format!("{name} is {found} and not {wanted}: {why}"))
}

/// Texts and numbers alike.
async fn value(conn: &mut SqliteConnection, pragma: &'static str) -> Result<String, OpenError> {
    use sqlx::Row;
    let row = sqlx::query(pragma).fetch_one(conn).await.map_err(sqlite)?;
    row.try_get_unchecked::<String, _>(0)
        .or_else(|_| row.try_get::<i64, _>(0).map(|number| number.to_string()))
        .map_err(sqlite)
}

#[cfg(test)]
mod tests {
    use sqlx::ConnectOptions;

    use super::{HELD, ask, check};
    use crate::open::OpenError;

    #[tokio::test]
    async fn each_setting_that_is_not_held_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.path().join("x.db"));
        let mut conn = ask(options).connect().await.unwrap();
        check(&mut conn).await.unwrap();
        for (pragma, wanted, _) in HELD {
            let [other, again] = match wanted {
                "wal" => ["delete", "wal"],
                "0" => ["1000", "0"],
                "2" => ["1", "2"],
                _ => ["0", "1"],
            };
            let set = |value: &str| sqlx::AssertSqlSafe(format!("{pragma} = {value}"));
            sqlx::raw_sql(set(other)).execute(&mut conn).await.unwrap();
            let refused = check(&mut conn).await;
            assert!(
                matches!(&refused, Err(OpenError::Setting(what)) if what.contains(pragma)),
                "{refused:?}"
            );
            sqlx::raw_sql(set(again)).execute(&mut conn).await.unwrap();
        }
        check(&mut conn).await.unwrap();
    }
}
