//! A copy of a SQLite database while servers write to it.

use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions, Connection};

use crate::open::{OpenError, Target, database, target};

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{} already exists: choose a place where nothing is", .0.display())]
    Exists(PathBuf),
    /// The command that does it there.
    #[error("this database is PostgreSQL: back it up with its own tool, such as `{0}`")]
    Postgres(String),
    #[error("the copy is damaged ({0}): check the disk of the database")]
    Damaged(String),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Writes one consistent snapshot of the database into a new file, checks it, and has it on disk
/// when this returns. Committed writes of any process are in it up to one moment, later ones not.
pub async fn backup(database_url: &str, data_dir: &Path, into: &Path) -> Result<(), BackupError> {
    let options = match target(database_url, data_dir)? {
        Target::Sqlite(options) => options,
        Target::Postgres(options) => {
            let name = options.get_database().unwrap_or("rejoinder").to_owned();
            let command = format!("pg_dump --format=custom --file={name}.dump {name}");
            return Err(BackupError::Postgres(command));
        }
    };
    if into.exists() {
        return Err(BackupError::Exists(into.to_owned()));
    }
    let mut source = options
        .create_if_missing(false)
        .connect()
        .await
        .map_err(database)?;
    let name = into.to_string_lossy().into_owned();
    sqlx::query("VACUUM INTO $1")
        .bind(&name)
        .execute(&mut source)
        .await
        .map_err(database)?;
    source.close().await.map_err(database)?;
    check(into).await?;
    std::fs::File::open(into)?.sync_all()?;
    if let Some(folder) = into.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

async fn check(copy: &Path) -> Result<(), BackupError> {
    let mut conn = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(copy)
        .read_only(true)
        .immutable(true)
        .connect()
        .await
        .map_err(database)?;
    let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_all(&mut conn)
        .await
        .map_err(database)?;
    conn.close().await.map_err(database)?;
    if found == ["ok"] {
        Ok(())
    } else {
        Err(BackupError::Damaged(found.join("; ")))
    }
}
