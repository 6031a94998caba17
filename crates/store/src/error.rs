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

/// Outside of a commit: whatever happened, the transaction will be rolled back.
pub(crate) fn from_sqlite(error: &sqlx::Error) -> StoreError {
    let code = error
        .as_database_error()
        .and_then(|e| e.code())
        .and_then(|code| code.parse::<i64>().ok());
    match code {
        Some(sqlite::CONSTRAINT_FOREIGNKEY) => StoreError::NotFound,
        Some(sqlite::IOERR_SHMSIZE) => StoreError::NotWritable(error.to_string()),
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

/// Outside of a commit, and whether the transaction may be tried again from the start.
pub(crate) fn from_postgres(error: &sqlx::Error) -> (StoreError, bool) {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed => (StoreError::NotWritable(error.to_string()), true),
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
            (StoreError::NotWritable(error.to_string()), false)
        }
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            match code.as_ref() {
                // serialization_failure, deadlock_detected
                "40001" | "40P01" => (StoreError::NotWritable(error.to_string()), true),
                // foreign_key_violation: what it belongs to has just been deleted
                "23503" => (StoreError::NotFound, false),
                // admin_shutdown, crash_shutdown, cannot_connect_now
                "57P01" | "57P02" | "57P03" => (StoreError::NotWritable(error.to_string()), true),
                // read_only_sql_transaction, lock_not_available, io_error (of the server's disk)
                "25006" | "55P03" | "58030" => (StoreError::NotWritable(error.to_string()), false),
                // connection exceptions; insufficient resources (disk, memory, connections)
                code if code.starts_with("08") || code.starts_with("53") => {
                    (StoreError::NotWritable(error.to_string()), false)
                }
                _ => (StoreError::internal(error), false),
            }
        }
        _ => (StoreError::internal(error), false),
    }
}

/// The answer to COMMIT was an error: only an error of the database itself says "rolled back".
pub(crate) fn from_postgres_commit(error: &sqlx::Error) -> (StoreError, bool) {
    match error {
        sqlx::Error::Database(database)
            if !database.code().unwrap_or_default().starts_with("57P") =>
        {
            from_postgres(error)
        }
        _ => (StoreError::Unknown(error.to_string()), false),
    }
}

/// The answer to COMMIT (or to a statement that ended the transaction by itself).
pub(crate) fn from_sqlite_commit(error: &sqlx::Error) -> StoreError {
    match from_sqlite(error) {
        known @ StoreError::NotWritable(_) => known,
        other => StoreError::Unknown(other.to_string()),
    }
}
