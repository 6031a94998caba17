//! A copy of a SQLite database while servers write to it.

use std::path::{Path, PathBuf};

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::open::{OpenError, Target, database, target};

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{} already exists: choose a place where nothing is", .0.display())]
    Exists(PathBuf),
    /// The commands that do it there.
    #[error(
        "nothing was backed up: this database is PostgreSQL, which has its own tools.\n\
         To back it up, also while servers run:\n  {dump}\n\
         To restore it, with every server stopped:\n  {create}\n  {load}\n  {announce}\n\
         They ask for the password, or find it in ~/.pgpass or PGPASSWORD"
    )]
    Postgres {
        dump: String,
        create: String,
        load: String,
        announce: String,
    },
    #[error("the copy is damaged ({0}): check the disk of the database")]
    Damaged(String),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Writes one consistent snapshot of the database into a new file, checks it, and has it on disk
/// when this returns. Committed writes of any process are in it up to one moment, later ones not.
/// Answers the version of the schema in it, which is not this program's where nobody has started it
/// on that database yet.
pub async fn backup(database_url: &str, data_dir: &Path, into: &Path) -> Result<i64, BackupError> {
    let options = match target(database_url, data_dir)? {
        Target::Sqlite(options) => options,
        Target::Postgres(options) => {
            return Err(postgres_commands(&options));
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
    let schema = check(into).await?;
    std::fs::File::open(into)?.sync_all()?;
    if let Some(folder) = into.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(schema)
}

/// Whole lines for a shell, with everything but the password.
fn postgres_commands(options: &PgConnectOptions) -> BackupError {
    let host = options
        .get_socket()
        .map_or(options.get_host().to_owned(), |socket| {
            socket.display().to_string()
        });
    let name = options
        .get_database()
        .unwrap_or_else(|| options.get_username());
    let server = format!(
        "--host={} --port={} --username={}",
        quoted(&host),
        options.get_port(),
        quoted(options.get_username())
    );
    let name = quoted(name);
    BackupError::Postgres {
        dump: format!("pg_dump --format=custom --file=rejoinder.dump {server} --dbname={name}"),
        create: format!("createdb {server} {name}"),
        load: format!(
            "pg_restore --exit-on-error --single-transaction --no-owner {server} --dbname={name} \
             rejoinder.dump"
        ),
        announce: "rejoinder restore --database-restored".to_owned(),
    }
}

/// One word for a shell, whatever is in it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

async fn check(copy: &Path) -> Result<i64, BackupError> {
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
    if found != ["ok"] {
        return Err(BackupError::Damaged(found.join("; ")));
    }
    let schema = sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations")
        .fetch_one(&mut conn)
        .await
        .map_err(database)?;
    conn.close().await.map_err(database)?;
    Ok(schema)
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_more() {
        assert_eq!(quoted("chat_2.example-org"), "chat_2.example-org");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's;$x"), r"'it'\''s;$x'");
        assert_eq!(quoted(""), "''");
    }
}
