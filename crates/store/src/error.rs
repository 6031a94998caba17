//! What a driver's error means for the caller.

use domain::StoreError;

/// SQLite's primary result codes and the extended ones that matter.
mod sqlite {
    pub(super) const BUSY: i64 = 5;
    pub(super) const READONLY: i64 = 8;
    pub(super) const IOERR: i64 = 10;
    pub(super) const CORRUPT: i64 = 11;
    pub(super) const FULL: i64 = 13;
    pub(super) const CANTOPEN: i64 = 14;
    pub(super) const NOTADB: i64 = 26;
    /// The index of the WAL can't grow: the disk is full, and nothing has been written yet.
    pub(super) const IOERR_SHMSIZE: i64 = 10 | (19 << 8);
    pub(super) const CONSTRAINT_FOREIGNKEY: i64 = 19 | (3 << 8);
}

fn sqlite_code(error: &sqlx::Error) -> Option<i64> {
    let code = error.as_database_error()?.code()?;
    code.parse().ok()
}

/// SQLite's words, and what they mean where they don't say it.
pub(crate) fn told_by_sqlite(error: &sqlx::Error) -> String {
    match sqlite_code(error) {
        Some(sqlite::IOERR_SHMSIZE) => format!("the disk is full: {error}"),
        _ => error.to_string(),
    }
}

/// Outside of a commit: whatever happened, the transaction will be rolled back.
pub(crate) fn from_sqlite(error: &sqlx::Error) -> StoreError {
    match sqlite_code(error) {
        Some(sqlite::CONSTRAINT_FOREIGNKEY) => StoreError::NotFound,
        Some(sqlite::IOERR_SHMSIZE) => StoreError::NotWritable(told_by_sqlite(error)),
        Some(code) => match code & 0xff {
            sqlite::BUSY | sqlite::READONLY | sqlite::FULL | sqlite::CANTOPEN => {
                StoreError::NotWritable(error.to_string())
            }
            sqlite::IOERR | sqlite::CORRUPT | sqlite::NOTADB => {
                StoreError::Unknown(error.to_string())
            }
            _ => StoreError::internal(error),
        },
        None => match error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
                StoreError::NotWritable(error.to_string())
            }
            // The thread that owns the connection is gone, and with it what it was doing.
            sqlx::Error::WorkerCrashed | sqlx::Error::Io(_) => {
                StoreError::Unknown(error.to_string())
            }
            _ => StoreError::internal(error),
        },
    }
}

/// What an error of PostgreSQL says beside the caller's own answer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Says {
    /// The transaction may be tried again from the start.
    pub(crate) retry: bool,
    /// Nobody can store now: another matter than one caller who was in another's way.
    pub(crate) unwritable: bool,
}

/// Outside of a commit.
pub(crate) fn from_postgres(error: &sqlx::Error) -> (StoreError, Says) {
    let refused = |retry, unwritable| {
        let says = Says { retry, unwritable };
        (StoreError::NotWritable(error.to_string()), says)
    };
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed => refused(true, true),
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => refused(false, true),
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            match code.as_ref() {
                // serialization_failure, deadlock_detected
                "40001" | "40P01" => refused(true, false),
                // foreign_key_violation: what it belongs to has just been deleted
                "23503" => (StoreError::NotFound, Says::default()),
                // admin_shutdown, crash_shutdown, cannot_connect_now
                "57P01" | "57P02" | "57P03" => refused(true, true),
                // lock_not_available; out_of_memory (of locks, too) and too_many_connections, which
                // pass with what others do now
                "55P03" | "53200" | "53300" => refused(false, false),
                // read_only_sql_transaction, io_error (of the server's disk)
                "25006" | "58030" => refused(false, true),
                // connection exceptions; insufficient resources, the disk above all
                code if code.starts_with("08") || code.starts_with("53") => refused(false, true),
                _ => (StoreError::internal(error), Says::default()),
            }
        }
        _ => (StoreError::internal(error), Says::default()),
    }
}

/// The answer to COMMIT was an error: only an error of the database itself says "rolled back".
pub(crate) fn from_postgres_commit(error: &sqlx::Error) -> (StoreError, Says) {
    match error {
        sqlx::Error::Database(database)
            if !database.code().unwrap_or_default().starts_with("57P") =>
        {
            from_postgres(error)
        }
        _ => (StoreError::Unknown(error.to_string()), Says::default()),
    }
}

/// The answer to COMMIT (or to a statement that ended the transaction by itself).
pub(crate) fn from_sqlite_commit(error: &sqlx::Error) -> StoreError {
    match from_sqlite(error) {
        known @ StoreError::NotWritable(_) => known,
        other => StoreError::Unknown(other.to_string()),
    }
}
