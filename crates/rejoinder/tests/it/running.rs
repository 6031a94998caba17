//! Starting, dying and stopping.

use serde_json::{Value, json};

use crate::support::{Lines, Operator, Server};

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
    assert_eq!(register(&server, None), 201);
    let login = login(&server);
    server.kill();
    let server = operator.serve(&[]);
    let refresh = json!({"refresh_token": login["refresh_token"]});
    assert_eq!(server.post("/api/v1/auth/refresh", &refresh).status(), 200);
    let meta: Value = server.get("/api/v1/meta").json().unwrap();
    assert_eq!(meta["first_start"], false);
}

#[test]
fn the_policies_of_the_file_hold_and_are_shown() {
    let operator = Operator::new();
    operator.config_file("[tool_policy]\ntodo_remove = \"ask\"\ncalculator = \"deny\"");
    let expected = json!({
        "calculator": "deny",
        "current_time": "allow",
        "todo_add": "allow",
        "todo_change": "allow",
        "todo_list": "allow",
        "todo_remove": "ask",
    });
    let shown = operator.run(&["config", "show"]);
    let config: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(config["tool_policy"], expected);

    let server = operator.serve(&[]);
    assert_eq!(register(&server, None), 201);
    let login = login(&server);
    let listed: Value = crate::support::client()
        .get(format!("{}/api/v1/tools", server.url))
        .bearer_auth(login["access_token"].as_str().unwrap())
        .send()
        .unwrap()
        .json()
        .unwrap();
    let tools = listed["tools"].as_array().unwrap().iter();
    let policies: serde_json::Map<String, Value> = tools
        .map(|tool| {
            (
                tool["name"].as_str().unwrap().to_owned(),
                tool["policy"].clone(),
            )
        })
        .collect();
    assert_eq!(Value::Object(policies), expected);
}

#[test]
fn beyond_loopback_the_first_account_needs_the_code_that_was_printed_last() {
    let operator = Operator::new();
    let (server, mut lines) = beyond_loopback(&operator);
    let code = code(&mut lines);
    assert_eq!(register(&server, None), 403);
    assert_eq!(register(&server, Some("0000")), 403);
    assert_eq!(register(&server, Some(&code)), 201);
    server.kill();

    // Accounts exist: nothing is printed. When the last one goes, a new code is.
    let (server, mut lines) = beyond_loopback(&operator);
    let login = login(&server);
    let deleted = crate::support::client()
        .delete(format!("{}/api/v1/auth/me", server.url))
        .bearer_auth(login["access_token"].as_str().unwrap())
        .json(&json!({"password": "correct horse"}))
        .send()
        .unwrap();
    assert_eq!(deleted.status(), 204);
    assert_eq!(register(&server, None), 403);
    assert_eq!(register(&server, Some(&code)), 403);
    let newer = crate::running::code(&mut lines);
    assert_eq!(register(&server, Some(&newer)), 201);
}

fn beyond_loopback(operator: &Operator) -> (Server, Lines) {
    operator.serve_and_listen(&[
        "serve",
        "--listen",
        "0.0.0.0:0",
        "--public-url",
        "http://chat.example.org",
    ])
}

fn code(lines: &mut Lines) -> String {
    let line = lines.next().unwrap().unwrap();
    let code = line.strip_prefix("setup code for the first account: ");
    code.unwrap_or_else(|| panic!("{line}")).to_owned()
}

fn register(server: &Server, code: Option<&str>) -> u16 {
    let body = json!({"email": "a@b.c", "password": "correct horse", "full_name": "A",
        "setup_code": code});
    let answer = server.post("/api/v1/auth/register", &body);
    answer.status().as_u16()
}

fn login(server: &Server) -> Value {
    let credentials = json!({"email": "a@b.c", "password": "correct horse"});
    server
        .post("/api/v1/auth/login", &credentials)
        .json()
        .unwrap()
}

#[test]
fn the_start_warns_of_an_address_without_tls_wherever_it_listens() {
    let operator = Operator::new();
    let warned = |public_url: &str| {
        let arguments = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--public-url",
            public_url,
        ];
        let mut child = operator
            .command(&arguments)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let log = std::io::BufReader::new(child.stderr.take().unwrap());
        let lines = std::io::BufRead::lines(log).map(|line| line.unwrap());
        let start: Vec<String> = lines.take_while(|line| !line.contains("ready")).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        start.iter().any(|line| line.contains("unencrypted"))
    };
    // A proxy on this machine forwards to loopback.
    assert!(warned("http://chat.example.org"));
    assert!(!warned("https://chat.example.org"));
    assert!(!warned("http://localhost:8080"));
}
