//! `user`, `config`, `doctor`, `migrate`, `model pull`, `openapi`.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};

use crate::support::{Operator, text};

fn sign_in(server: &crate::support::Server, password: &str) -> u16 {
    let body = json!({"email": "ann@example.org", "password": password});
    server.post("/api/v1/auth/login", &body).status().as_u16()
}

#[test]
fn accounts_are_kept_from_the_command_line_while_the_server_runs() {
    let operator = Operator::new();
    let server = operator.serve(&[]);
    let admin = ["user", "add", "root@example.org", "--role", "admin"];
    assert!(
        operator
            .run_with(&admin, "correct horse 1\n")
            .status
            .success()
    );

    let added = operator.run_with(&["user", "add", "Ann@Example.org"], "correct horse 2\n");
    assert!(
        text(&added).contains("Added ann@example.org (user)"),
        "{}",
        text(&added)
    );
    assert_eq!(sign_in(&server, "correct horse 2"), 200);

    let again = operator.run_with(&["user", "add", "ann@example.org"], "correct horse 2\n");
    assert!(!again.status.success());

    let passwd = operator.run_with(&["user", "passwd", "ann@example.org"], "another horse 3\n");
    assert!(
        text(&passwd).contains("1 session(s) ended"),
        "{}",
        text(&passwd)
    );
    assert_eq!(sign_in(&server, "correct horse 2"), 401);
    assert_eq!(sign_in(&server, "another horse 3"), 200);

    assert!(
        operator
            .run(&["user", "disable", "ann@example.org"])
            .status
            .success()
    );
    assert_ne!(sign_in(&server, "another horse 3"), 200);
    assert!(
        operator
            .run(&["user", "enable", "ann@example.org"])
            .status
            .success()
    );
    assert_eq!(sign_in(&server, "another horse 3"), 200);

    assert!(
        operator
            .run(&["user", "role", "ann@example.org", "admin"])
            .status
            .success()
    );
    assert!(
        operator
            .run(&["user", "role", "root@example.org", "user"])
            .status
            .success()
    );
    let last = operator.run(&["user", "role", "ann@example.org", "user"]);
    assert!(
        !last.status.success(),
        "the last admin stays: {}",
        text(&last)
    );
}

#[test]
fn short_passwords_and_unknown_accounts_are_refused_with_a_reason() {
    let operator = Operator::new();
    let short = operator.run_with(&["user", "add", "a@b.c"], "short\n");
    assert!(text(&short).contains("8 to 1024"), "{}", text(&short));
    // The rules of the API, not looser ones.
    for bad in ["@", "a@", "a b@c", "a@b@c", "nobody"] {
        let refused = operator.run_with(&["user", "add", bad], "correct horse\n");
        assert!(!refused.status.success(), "{bad} was added");
        assert!(
            text(&refused).contains("e-mail address"),
            "{}",
            text(&refused)
        );
    }
    let unknown = operator.run_with(&["user", "passwd", "no@b.c"], "correct horse\n");
    assert!(
        text(&unknown).contains("no account no@b.c"),
        "{}",
        text(&unknown)
    );
}

#[test]
fn the_configuration_is_shown_in_layers_and_without_secrets() {
    let operator = Operator::new();
    operator.config_file(
        "listen = \"127.0.0.1:1111\"\nregistration = \"open\"\n\
         secret_key = \"4c1f6a90be27d8537a1c09e4f2b85d6379e0\"\n\
         [[providers]]\nname = \"lab\"\nadapter = \"openai\"\n\
         base_url = \"http://127.0.0.1:9/v1\"\napi_key = \"sk-very-private\"\n",
    );
    let output = operator
        .command(&["config", "show", "--registration", "closed"])
        .env("REJOINDER_LISTEN", "127.0.0.1:2222")
        .env("ANTHROPIC_API_KEY", "sk-also-private")
        .output()
        .unwrap();
    let shown = text(&output);
    assert!(output.status.success(), "{shown}");
    assert!(
        !shown.contains("private") && !shown.contains("4c1f6a90"),
        "{shown}"
    );
    let config: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        config["listen"], "127.0.0.1:2222",
        "the environment beats the file"
    );
    assert_eq!(config["registration"], "closed", "a flag beats the file");
    assert_eq!(config["providers"][0]["name"], "lab");
    assert_eq!(config["providers"][1]["name"], "anthropic");
    assert!(
        !operator.data_dir().join("rejoinder.db").exists(),
        "looking makes nothing"
    );
}

#[test]
fn doctor_says_what_is_there_and_what_is_missing() {
    let operator = Operator::new();
    let first = text(&operator.run(&["doctor", "--listen", "127.0.0.1:0"]));
    assert!(first.contains("the first start makes it"), "{first}");
    assert!(!operator.data_dir().exists(), "looking makes nothing");
    operator.config_file("");
    operator.run(&["doctor", "--listen", "127.0.0.1:0"]);
    for made in ["secret.key", "rejoinder.db"] {
        assert!(
            !operator.data_dir().join(made).exists(),
            "looking made {made}"
        );
    }

    assert_eq!(operator.serve(&[]).stop(), Some(0));
    let report = text(&operator.run(&["doctor", "--listen", "127.0.0.1:0"]));
    for line in [
        "ok    data directory",
        "ok    signing key: present",
        "ok    database",
        "sound and writable",
    ] {
        assert!(report.contains(line), "{line}\n{report}");
    }
    let server = operator.serve(&[]);
    let beside = text(&operator.run(&["doctor"]));
    assert!(
        beside.contains(&format!("running, process {}", server.id())),
        "{beside}"
    );
}

#[test]
fn migrate_says_the_version_and_openapi_prints_a_document() {
    let operator = Operator::new();
    let migrated = operator.run(&["migrate"]);
    assert!(
        migrated.status.success() && text(&migrated).contains("sqlite 3."),
        "{}",
        text(&migrated)
    );
    let document: Value = serde_json::from_slice(&operator.run(&["openapi"]).stdout).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
}

#[test]
fn a_model_file_is_fetched_once_and_says_how_it_is_used() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/tiny.gguf", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut head = [0; 4_096];
        assert!(socket.read(&mut head).unwrap() > 0);
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nGGUFtiny";
        socket.write_all(answer.as_bytes()).unwrap();
    });
    let operator = Operator::new();
    let first = operator.run(&["model", "pull", &url]);
    serving.join().unwrap();
    assert!(first.status.success(), "{}", text(&first));
    assert!(text(&first).contains("[local_model]"), "{}", text(&first));
    // Nobody listens there any more.
    let again = operator.run(&["model", "pull", &url]);
    assert!(
        text(&again).contains("was there already"),
        "{}",
        text(&again)
    );

    for (arguments, words) in [
        (vec!["tiny.gguf"], "hf:OWNER/REPO/FILE"),
        (vec!["http://127.0.0.1/tiny.zip"], ".gguf"),
        (vec![url.as_str(), "--sha256", "12"], "64 hexadecimal"),
    ] {
        let refused = operator.run(&[vec!["model", "pull"], arguments].concat());
        assert!(!refused.status.success());
        assert!(text(&refused).contains(words), "{}", text(&refused));
    }
}
