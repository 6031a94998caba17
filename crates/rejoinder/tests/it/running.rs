//! Starting, dying and stopping.

use serde_json::{Value, json};

use crate::support::Operator;

#[test]
fn the_first_line_names_the_address_and_the_data_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let operator = Operator::new();
    let server = operator.serve(&[]);
    assert_eq!(server.get("/health").status(), 200);
    assert_eq!(server.get("/ready").status(), 200);
    let mode = |path: &str| {
        let path = operator.data_dir().join(path);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode("."), 0o700);
    assert_eq!(mode("secret.key"), 0o600);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn accounts_and_logins_survive_a_kill_and_the_lock_goes_with_the_process() {
    let operator = Operator::new();
    let server = operator.serve(&[]);
    let account = json!({"email": "a@b.c", "password": "correct horse", "full_name": "A"});
    assert_eq!(server.post("/api/v1/auth/register", &account).status(), 201);
    let credentials = json!({"email": "a@b.c", "password": "correct horse"});
    let login: Value = server
        .post("/api/v1/auth/login", &credentials)
        .json()
        .unwrap();
    server.kill();
    let server = operator.serve(&[]);
    let refresh = json!({"refresh_token": login["refresh_token"]});
    assert_eq!(server.post("/api/v1/auth/refresh", &refresh).status(), 200);
    let meta: Value = server.get("/api/v1/meta").json().unwrap();
    assert_eq!(meta["first_start"], false);
}

#[test]
fn beyond_loopback_the_first_account_needs_the_code_that_the_start_prints() {
    let operator = Operator::new();
    let public = [
        "serve",
        "--listen",
        "0.0.0.0:0",
        "--public-url",
        "http://chat.example.org",
    ];
    let mut child = operator
        .command(&public)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut line = || lines.next().unwrap().unwrap();
    let first = line();
    let second = line();
    let port = first.rsplit(':').next().unwrap().to_owned();
    let code = second.rsplit(' ').next().unwrap().to_owned();
    assert!(first.starts_with("listening on "), "{first}");
    let register = |code: Option<&str>| {
        let body = json!({"email": "a@b.c", "password": "correct horse", "full_name": "A",
            "setup_code": code});
        reqwest::blocking::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .post(format!("http://127.0.0.1:{port}/api/v1/auth/register"))
            .json(&body)
            .send()
            .unwrap()
            .status()
            .as_u16()
    };
    assert_ne!(register(None), 201);
    assert_ne!(register(Some("0000")), 201);
    assert_eq!(register(Some(&code)), 201);
    child.kill().unwrap();
    child.wait().unwrap();
}
