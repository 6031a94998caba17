//! `backup` beside a running server, `restore` into another place.

use serde_json::{Value, json};

use crate::support::{Operator, text};

fn account() -> Value {
    json!({"email": "a@b.c", "password": "correct horse", "full_name": "A"})
}

fn login() -> Value {
    json!({"email": "a@b.c", "password": "correct horse"})
}

#[test]
fn a_backup_of_a_running_server_restores_with_its_logins() {
    let operator = Operator::new();
    let server = operator.serve(&[]);
    assert_eq!(
        server.post("/api/v1/auth/register", &account()).status(),
        201
    );
    let session: Value = server.post("/api/v1/auth/login", &login()).json().unwrap();

    let copy = operator.data_dir().with_file_name("copy");
    let output = operator.run(&["backup", copy.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output));
    let again = operator.run(&["backup", copy.to_str().unwrap()]);
    assert!(text(&again).contains("already exists"), "{}", text(&again));

    let later = json!({"email": "later@b.c", "password": "correct horse", "full_name": "L"});
    let added = operator.run_with(&["user", "add", "later@b.c"], "correct horse\n");
    assert!(added.status.success(), "{}", text(&added));

    let fresh = Operator::new();
    let output = fresh.run(&["restore", copy.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output));
    let restored = fresh.serve(&[]);
    let refresh = json!({"refresh_token": session["refresh_token"]});
    assert_eq!(
        restored.post("/api/v1/auth/refresh", &refresh).status(),
        200
    );
    let unknown = json!({"email": later["email"], "password": later["password"]});
    assert_eq!(
        restored.post("/api/v1/auth/login", &unknown).status(),
        401,
        "after the backup"
    );
}

#[test]
fn a_restore_overwrites_nothing_and_needs_the_server_stopped() {
    let operator = Operator::new();
    let server = operator.serve(&[]);
    assert_eq!(
        server.post("/api/v1/auth/register", &account()).status(),
        201
    );
    let copy = operator.data_dir().with_file_name("copy");
    let copy = copy.to_str().unwrap();
    assert!(operator.run(&["backup", copy]).status.success());

    let running = operator.run(&["restore", copy, "--replace"]);
    assert!(
        !running.status.success() && text(&running).contains("stop the server"),
        "{}",
        text(&running)
    );
    server.kill();
    let refused = operator.run(&["restore", copy]);
    assert!(
        !refused.status.success() && text(&refused).contains("--replace"),
        "{}",
        text(&refused)
    );
    let output = operator.run(&["restore", copy, "--replace"]);
    assert!(output.status.success(), "{}", text(&output));
    let aside = std::fs::read_dir(operator.data_dir())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("replaced-")
        })
        .unwrap();
    assert!(aside.join("rejoinder.db").exists() && aside.join("secret.key").exists());
    let restored = operator.serve(&[]);
    assert_eq!(restored.post("/api/v1/auth/login", &login()).status(), 200);
}

#[test]
fn a_damaged_or_half_copied_backup_is_refused_before_it_replaces_anything() {
    let operator = Operator::new();
    assert!(operator.run(&["migrate"]).status.success());
    let copy = operator.data_dir().with_file_name("copy");
    assert!(
        operator
            .run(&["backup", copy.to_str().unwrap()])
            .status
            .success()
    );
    let before = crate::support::contents(&operator.data_dir().join("rejoinder.db"));

    let mut bytes = crate::support::contents(&copy.join("rejoinder.db"));
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(copy.join("rejoinder.db"), bytes).unwrap();
    let output = operator.run(&["restore", copy.to_str().unwrap(), "--replace"]);
    assert!(
        text(&output).contains("not what was backed up"),
        "{}",
        text(&output)
    );

    std::fs::remove_file(copy.join("manifest.json")).unwrap();
    let output = operator.run(&["restore", copy.to_str().unwrap(), "--replace"]);
    assert!(text(&output).contains("manifest.json"), "{}", text(&output));
    assert_eq!(
        crate::support::contents(&operator.data_dir().join("rejoinder.db")),
        before
    );
}

#[test]
fn for_postgres_the_right_tool_is_named() {
    let operator = Operator::new();
    let copy = operator.data_dir().with_file_name("copy");
    let url = "postgres://user:very-private@127.0.0.1:9/chat";
    let output = operator.run(&["backup", copy.to_str().unwrap(), "--database-url", url]);
    let said = text(&output);
    assert!(
        !output.status.success() && said.contains("pg_dump") && said.contains("chat"),
        "{said}"
    );
    assert!(!said.contains("very-private") && !copy.exists());
}
