//! Opening, closing, upgrading, and who else is there.

use std::time::Duration;

use domain::store::{FeedStore, Maintenance, UserStore};
use domain::user::UserPatch;
use domain::{Signal, StoreError};
use sqlx::{Connection, SqliteConnection};
use store::{DataDirLock, LockError, OpenError};

use crate::support::{TestDb, for_each_database};

for_each_database! {
    closing_is_final,
    a_newer_schema_is_refused,
    migrating_again_changes_nothing,
    lost_connections_are_replaced,
}

async fn closing_is_final(db: &TestDb) {
    let (store, _) = db.another(false, "boot-1").await;
    store.close().await.unwrap();
    let refused = store.has_users().await;
    assert!(refused.is_err(), "{refused:?}");
    let user = crate::support::new_user("a@example.org", db.now());
    let refused = store
        .create_user(user, domain::store::Admission::Open)
        .await;
    assert!(
        matches!(refused, Err(StoreError::NotWritable(_))),
        "{refused:?}"
    );
    store.close().await.unwrap();
    db.user("b@example.org").await;
}

async fn a_newer_schema_is_refused(db: &TestDb) {
    let insert = "INSERT INTO _sqlx_migrations (version, description, success, checksum, \
                  execution_time) SELECT 9999, 'later', success, checksum, 0 FROM _sqlx_migrations \
                  WHERE version = 1";
    let delete = "DELETE FROM _sqlx_migrations WHERE version = 9999";
    execute(db, insert).await;
    let refused = store::migrate(&db.url, db.dir.path()).await;
    assert!(
        matches!(refused, Err(OpenError::Newer(9999))),
        "{refused:?}"
    );
    execute(db, delete).await;
}

async fn execute(db: &TestDb, sql: &'static str) {
    if db.is_sqlite() {
        let mut conn = SqliteConnection::connect(&db.url).await.unwrap();
        sqlx::query(sql).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    } else {
        let mut conn = sqlx::PgConnection::connect(&db.url).await.unwrap();
        sqlx::query(sql).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    }
}

async fn migrating_again_changes_nothing(db: &TestDb) {
    let user = db.user("a@example.org").await;
    assert_eq!(
        store::migrate(&db.url, db.dir.path()).await.unwrap(),
        store::schema_version()
    );
    assert_eq!(db.store.user(user.id).await.unwrap(), user);
}

#[tokio::test]
async fn an_epoch_ends_when_the_power_may_have_failed() {
    let db = TestDb::sqlite().await;
    let user = db.user("a@example.org").await;
    let first = db.store.feed_end(user.id).await.unwrap().epoch;
    // The process died, the machine did not.
    let (second, _) = db.another(true, "boot-1").await;
    assert_eq!(second.feed_end(user.id).await.unwrap().epoch, first);
    // An operator's command beside a server changes nothing.
    let (operator, _) = db.another(false, "boot-9").await;
    operator.close().await.unwrap();
    assert_eq!(second.feed_end(user.id).await.unwrap().epoch, first);
    // The machine started again after an unclean stop.
    let (third, _) = db.another(true, "boot-2").await;
    let epoch = third.feed_end(user.id).await.unwrap().epoch;
    assert!(epoch > first);
    third.close().await.unwrap();
    // After a clean stop a new boot is no reason.
    let (fourth, _) = db.another(true, "boot-3").await;
    assert_eq!(fourth.feed_end(user.id).await.unwrap().epoch, epoch);
    fourth.close().await.unwrap();
    second.close().await.unwrap();
    db.end().await;
}

#[tokio::test]
async fn another_process_is_noticed() {
    let db = TestDb::sqlite().await;
    let user = db.user("a@example.org").await;
    let (operator, _) = db.another(false, "boot-1").await;
    let patch = UserPatch {
        full_name: Some("Else".to_owned()),
        ..UserPatch::default()
    };
    operator
        .update_user(user.id, patch, db.now())
        .await
        .unwrap();
    let noticed = async {
        while !db
            .bus
            .signals
            .lock()
            .unwrap()
            .contains(&Signal::Recheck { user_id: None })
        {
            db.bus.signalled.notified().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), noticed)
        .await
        .unwrap();
    operator.close().await.unwrap();
    db.end().await;
}

#[tokio::test]
async fn own_writes_are_not_taken_for_another_process() {
    let db = TestDb::sqlite().await;
    for n in 0..50 {
        db.user(&format!("u{n}@example.org")).await;
    }
    assert_eq!(*db.bus.signals.lock().unwrap(), vec![]);
    db.end().await;
}

#[test]
fn a_data_directory_serves_one() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("made/for/us");
    let first = DataDirLock::acquire(&dir).unwrap();
    match DataDirLock::acquire(&dir) {
        Err(error @ LockError::Held { pid }) => {
            assert_eq!(pid, Some(std::process::id()));
            assert!(
                error.to_string().contains(&std::process::id().to_string()),
                "{error}"
            );
        }
        other => panic!("{other:?}"),
    }
    drop(first);
    DataDirLock::acquire(&dir).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&dir).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}

#[tokio::test]
async fn files_are_private_and_pragmas_set() {
    let db = TestDb::sqlite().await;
    db.user("a@example.org").await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for file in ["test.db", "test.db-wal"] {
            let mode = std::fs::metadata(db.dir.path().join(file))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    }
    db.end().await;
}

#[tokio::test]
async fn urls_that_are_not_understood() {
    let dir = tempfile::tempdir().unwrap();
    for url in ["mysql://root@localhost/x", "rejoinder.db", "http://x"] {
        let refused = store::migrate(url, dir.path()).await;
        assert!(
            matches!(refused, Err(OpenError::Url(_))),
            "{url}: {refused:?}"
        );
    }
}

async fn lost_connections_are_replaced(db: &TestDb) {
    let user = db.user("a@example.org").await;
    if db.is_sqlite() {
        return;
    }
    futures::future::join_all((0..8).map(|_| db.send(user.id, "m"))).await;
    let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                     WHERE datname = current_database() AND pid <> pg_backend_pid()";
    execute(db, terminate).await;
    futures::future::join_all((0..8).map(|_| db.send(user.id, "n"))).await;
    assert_eq!(db.store.health(), domain::store::Health::Ready);
    assert_eq!(db.feed(user.id).await.len(), 16 * 4);
}
