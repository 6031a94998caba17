//! What the disk is asked for, on both databases.

use domain::store::Maintenance;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use store::{OpenError, migrate};

use crate::support::TestDb;

#[tokio::test]
async fn a_database_without_a_log_of_its_own_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for url in [
        "sqlite::memory:".to_owned(),
        "sqlite://x?mode=memory".to_owned(),
        // Locks by files beside the database: no shared memory, hence no log.
        format!(
            "sqlite://{}?vfs=unix-dotfile",
            dir.path().join("x.db").display()
        ),
    ] {
        let refused = migrate(&url, dir.path()).await;
        assert!(
            matches!(&refused, Err(OpenError::Setting(what)) if what.contains("journal_mode")),
            "{url}: {refused:?}"
        );
    }
    for stray in ["file:sqlx-in-memory-0", "x"] {
        assert!(!std::path::Path::new(stray).exists(), "{stray} was made");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_written_back_while_it_is_written_to() {
    let db = TestDb::sqlite().await;
    let size =
        |name: &str| std::fs::metadata(db.dir.path().join(name)).map_or(0, |file| file.len());
    let before = size("test.db");
    // Each commit writes a handful of pages: far more than what the log may keep.
    for n in 0..600 {
        db.user(&format!("u{n}@example.org")).await;
    }
    assert!(size("test.db") > before, "nothing was written back");
    assert!(
        size("test.db-wal") < 12_000_000,
        "the log grows without bound: {}",
        size("test.db-wal")
    );
    db.end().await;
}

#[tokio::test]
async fn what_the_last_process_left_in_the_log_is_in_the_database_when_the_next_one_serves() {
    let db = TestDb::sqlite().await;
    db.user("a@example.org").await;
    let (next, _) = db.another(true, "boot-1").await;
    let wal = db.dir.path().join("test.db-wal");
    // Only its own start is in the log: not a page of the user.
    let bytes = std::fs::read(wal).unwrap();
    assert!(
        !bytes.windows(13).any(|window| window == b"a@example.org"),
        "the log of the process before is still in use"
    );
    next.close().await.unwrap();
    db.end().await;
}

#[tokio::test]
async fn on_postgres_answers_wait_for_the_log_and_a_careless_server_is_named() {
    let Some(db) = TestDb::postgres().await else {
        return;
    };
    let set = |sql: &str| AssertSqlSafe(sql.replace("DB", db.url.rsplit('/').next().unwrap()));
    let mut admin = PgConnection::connect(&db.url).await.unwrap();
    let off = set("ALTER DATABASE DB SET synchronous_commit = off");
    sqlx::raw_sql(off).execute(&mut admin).await.unwrap();
    let (next, _) = db.another(false, "boot-1").await;
    let found = next.weakened().await.unwrap();
    assert!(
        !found.iter().any(|line| line.contains("synchronous_commit")),
        "{found:?}"
    );
    // Whoever wants more than we ask for keeps it.
    let more = set("ALTER DATABASE DB SET synchronous_commit = remote_apply");
    sqlx::raw_sql(more).execute(&mut admin).await.unwrap();
    let (stricter, _) = db.another(false, "boot-1").await;
    assert_eq!(stricter.weakened().await.unwrap(), found);

    let mut expected = Vec::new();
    for name in ["fsync", "full_page_writes"] {
        let value: String = sqlx::query_scalar("SELECT current_setting($1)")
            .bind(name)
            .fetch_one(&mut admin)
            .await
            .unwrap();
        if value == "off" {
            expected.push(name);
        }
    }
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (line, name) in found.iter().zip(expected) {
        assert!(line.contains(&format!("{name} = off")), "{line}");
    }
    admin.close().await.unwrap();
    next.close().await.unwrap();
    stricter.close().await.unwrap();
    db.end().await;
}
