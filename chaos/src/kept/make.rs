//! How the dumps of `fixtures` are made: `chaos keep`. The dump of the first schema is older than
//! this; every other one begins with it, goes on with the present program, is killed, and is taken
//! back to its schema.

use std::process::Command;

use testkit::Client;

use super::{EMAIL, Kept, fixture, keys, outcomes, queue, versions};
use crate::database::Kind;

/// Takes one migration back. Nothing was written that it alone has a place for, and the statement
/// fails, or the comparison of schemas does, where that is not so.
fn undo(version: i64) -> &'static str {
    match version {
        4 => "ALTER TABLE idempotency_keys RENAME COLUMN made_id TO run_id",
        3 => {
            "DROP INDEX tool_ledger_one_retry;
             DROP INDEX tool_ledger_undecided;
             ALTER TABLE tool_ledger DROP COLUMN first_call_id;
             ALTER TABLE tool_ledger DROP COLUMN retry_of;
             ALTER TABLE tool_ledger DROP COLUMN decided_at;
             ALTER TABLE tool_ledger DROP COLUMN decision;
             ALTER TABLE approvals DROP COLUMN scope;
             DROP TABLE tool_permissions"
        }
        other => panic!("how migration {other} is taken back has not been written"),
    }
}

/// Writes the dump of this schema to `fixtures`.
pub async fn make(kind: Kind, version: i64) {
    let mut kept = Kept::of(kind, 1).await;
    kept.model.gate(queue::GATE).close();
    kept.version = version;
    let mut binary = kept.binary();
    let mut server = binary.start().await;
    let client = Client::new(&server.url);
    client.login(EMAIL).await;
    if version >= 4 {
        keys::write(&client).await;
    }
    if version >= 3 {
        server = outcomes::write(&kept, &client, &mut binary, server).await;
    }
    queue::write(&client).await;
    server.kill().await;

    let newer = versions()
        .into_iter()
        .rev()
        .filter(|newer| *newer > version);
    for newer in newer {
        kept.database.execute(undo(newer)).await;
        let forget = format!("DELETE FROM _sqlx_migrations WHERE version = {newer}");
        kept.database.execute(&forget).await;
    }
    let dump = match kind {
        Kind::Sqlite => of_sqlite(&kept),
        Kind::Postgres => of_postgres(&kept),
    };
    std::fs::write(fixture(kind, version), dump).unwrap();
}

fn of_sqlite(kept: &Kept) -> String {
    let file = kept.database.url().trim_start_matches("sqlite://");
    let script =
        "import sqlite3, sys\nfor line in sqlite3.connect(sys.argv[1]).iterdump(): print(line)";
    output(Command::new("python3").args(["-c", script, file]))
}

/// Without the lines that only `psql` understands.
fn of_postgres(kept: &Kept) -> String {
    let options = ["--inserts", "--no-owner", "--no-privileges"];
    // Settings of our own driver follow.
    let url = kept.database.url().split('?').next().unwrap();
    let dump = output(Command::new("pg_dump").args(options).arg(url));
    let lines = dump.lines().filter(|line| !line.starts_with('\\'));
    lines.map(|line| format!("{line}\n")).collect()
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
