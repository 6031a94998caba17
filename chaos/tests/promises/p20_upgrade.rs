//! An upgrade may be killed anywhere; every schema that was is upgraded, and what it alone could hold
//! is good for what it was good for; a newer one is left alone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chaos::database::Kind;
use chaos::kept::{Kept, versions};
use sqlx::{AssertSqlSafe, Connection};
use testkit::Strace;

/// Trials of one kind of call on one database; all where there are not more.
const SAMPLE: u32 = 8;

/// Those that are upgraded.
fn earlier() -> Vec<i64> {
    let mut versions = versions();
    versions.pop();
    versions
}

/// The dumps have what their migrations make, to the letter, and nothing else.
async fn the_kept_schemas(kind: Kind) {
    for version in versions() {
        let dump = Kept::of(kind, version).await.schema().await;
        let made = Kept::tables(kind, version).await.schema().await;
        let more: Vec<_> = dump.iter().filter(|line| !made.contains(line)).collect();
        let less: Vec<_> = made.iter().filter(|line| !dump.contains(line)).collect();
        assert!(
            more.is_empty() && less.is_empty(),
            "{version}: {more:#?} {less:#?}"
        );
    }
}

#[tokio::test]
async fn sqlite_kept_schemas() {
    the_kept_schemas(Kind::Sqlite).await;
}

#[tokio::test]
async fn postgres_kept_schemas() {
    the_kept_schemas(Kind::Postgres).await;
}

async fn every_schema_is_upgraded(kind: Kind) {
    for version in versions() {
        let kept = Kept::of(kind, version).await;
        let server = kept.binary().start().await;
        kept.reads_back(&server).await;
        assert!(server.terminate().await.success());
        assert_eq!(kept.database.damage().await, Vec::<String>::new());
    }
    println!(
        "P20: {} upgraded from each of {:?}",
        kind.name(),
        versions()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_from_every_schema() {
    every_schema_is_upgraded(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_from_every_schema() {
    every_schema_is_upgraded(Kind::Postgres).await;
}

/// `migrate` dies at the n-th call of each kind that reaches the database, on a new one and on every
/// kept one; the next start goes on.
async fn killed_at_calls(kind: Kind, calls: &[&str]) {
    let (mut trials, mut struck) = (0, Vec::new());
    for from in [None].into_iter().chain(earlier().into_iter().map(Some)) {
        let before = trials;
        for call in calls {
            let count = count(kind, from, call).await;
            let tried = SAMPLE.min(count);
            for k in 0..tried {
                let n = 1 + k * (count - 1) / (tried - 1).max(1);
                trials += u32::from(killed(kind, from, call, n).await);
            }
        }
        struck.push((from.unwrap_or(0), trials - before));
    }
    println!(
        "P20: {}: {trials} upgrades killed and gone on with: from schema, kills {struck:?}",
        kind.name()
    );
    let missed = struck.iter().any(|(_, kills)| *kills == 0);
    assert!(
        trials >= SAMPLE && !missed,
        "hardly any kill struck: {struck:?}"
    );
}

async fn database(kind: Kind, from: Option<i64>) -> Kept {
    match from {
        Some(version) => Kept::of(kind, version).await,
        None => Kept::empty(kind).await,
    }
}

fn tracer(kept: &Kept, kind: Kind, call: &str) -> Strace {
    let strace = Strace::new(&kept.folder().join("trace")).calls(call);
    if kind == Kind::Sqlite {
        strace.database(&kept.data_dir)
    } else {
        strace
    }
}

/// How often the busiest thread of a whole upgrade makes this call.
async fn count(kind: Kind, from: Option<i64>, call: &str) -> u32 {
    let kept = database(kind, from).await;
    let strace = tracer(&kept, kind, call);
    let mut binary = kept.binary();
    binary.under(Some(strace.clone()));
    let (status, said) = binary
        .run("migrate", &["--database-url", kept.database.url()])
        .await;
    assert!(status.success(), "{said}");
    let mut by_thread = BTreeMap::<u32, u32>::new();
    for call in strace.trace().await.calls {
        *by_thread.entry(call.thread).or_default() += 1;
    }
    by_thread.values().copied().max().unwrap_or(0)
}

/// Answers whether it died.
async fn killed(kind: Kind, from: Option<i64>, call: &str, n: u32) -> bool {
    let kept = database(kind, from).await;
    let strace = tracer(&kept, kind, call).kill(call, n);
    let mut binary = kept.binary();
    let (status, said) = binary
        .under(Some(strace))
        .run("migrate", &["--database-url", kept.database.url()])
        .await;
    assert!(status.success() || status.code().is_none(), "{said}");
    goes_on(&kept, from.is_some()).await;
    !status.success()
}

async fn goes_on(kept: &Kept, used: bool) {
    let server = kept.binary().start().await;
    if used {
        kept.reads_back(&server).await;
    } else {
        let client = testkit::Client::new(&server.url);
        client.register("new@example.org").await;
    }
    assert!(server.terminate().await.success());
    assert_eq!(kept.database.damage().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_killed_at_each_call() {
    killed_at_calls(Kind::Sqlite, &["pwrite64", "fsync", "ftruncate"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_killed_at_each_call() {
    // What it sends to the server: every statement is one call.
    killed_at_calls(Kind::Postgres, &["sendto"]).await;
}

/// Each table that an upgrade changes is held by somebody else, so that the upgrade stands in the
/// middle of its statements; there it dies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_killed_between_statements() {
    for from in earlier() {
        let mut struck = Vec::new();
        let tables = tables(from).await;
        for table in &tables {
            if killed_at_table(from, table).await {
                struck.push(table.as_str());
            }
        }
        println!(
            "P20: postgres: from schema {from} killed at the change of {struck:?}, of {} tables",
            tables.len()
        );
        assert!(!struck.is_empty(), "a migration changes something");
    }
}

/// Answers whether the upgrade from this schema changes this table, and so died there.
async fn killed_at_table(from: i64, table: &str) -> bool {
    let kept = Kept::of(Kind::Postgres, from).await;
    let mut holder = kept.postgres().await;
    let hold = format!("BEGIN; LOCK TABLE {table} IN ACCESS SHARE MODE");
    let hold = sqlx::raw_sql(AssertSqlSafe(hold));
    hold.execute(&mut holder).await.unwrap();
    let binary = kept.binary();
    let arguments = ["--database-url", kept.database.url()];
    let mut upgrade = Box::pin(binary.run("migrate", &arguments));
    let waits = tokio::select! {
        // It has nothing to do with this table.
        (status, said) = &mut upgrade => {
            assert!(status.success(), "{said}");
            false
        }
        () = stands(&kept) => true,
    };
    // The process is killed with whoever waits for it.
    drop(upgrade);
    holder.close().await.unwrap();
    if waits {
        goes_on(&kept, true).await;
    }
    waits
}

async fn tables(version: i64) -> Vec<String> {
    let kept = Kept::of(Kind::Postgres, version).await;
    let mut db = kept.postgres().await;
    let sql = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' \
               AND tablename NOT LIKE '\\_%' ORDER BY tablename";
    let tables = sqlx::query_scalar(sql).fetch_all(&mut db).await.unwrap();
    db.close().await.unwrap();
    tables
}

/// Until somebody waits for a lock in this database.
async fn stands(kept: &Kept) {
    let mut db = kept.postgres().await;
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let sql = "SELECT COUNT(*) FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let waiting: i64 = sqlx::query_scalar(sql).fetch_one(&mut db).await.unwrap();
        if waiting > 0 {
            return;
        }
        assert!(Instant::now() < until, "it neither ends nor waits");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn a_newer_one_is_refused(kind: Kind) {
    let kept = Kept::of(kind, *versions().last().unwrap()).await;
    kept.database
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         SELECT 9999, 'later', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1",
        )
        .await;
    let mut binary = kept.binary();
    let refused = binary.try_start().await.err().expect("it is newer");
    assert_eq!(refused.code(), Some(1));
    assert!(binary.log().contains("newer version"), "{}", binary.log());
    for command in ["migrate", "doctor"] {
        let (status, said) = binary
            .run(command, &["--database-url", kept.database.url()])
            .await;
        assert!(
            !status.success() && said.contains("newer version"),
            "{said}"
        );
    }
    // Left alone: the version that wrote it still works.
    kept.database
        .execute("DELETE FROM _sqlx_migrations WHERE version = 9999")
        .await;
    let server = binary.start().await;
    kept.reads_back(&server).await;
    assert!(server.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_of_a_newer_version_is_refused() {
    a_newer_one_is_refused(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_of_a_newer_version_is_refused() {
    a_newer_one_is_refused(Kind::Postgres).await;
}
