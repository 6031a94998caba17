//! A start that can't work says why and what to do, and breaks nothing.

use crate::support::{Operator, text};

/// The start is refused, and its last words hold all of these.
#[track_caller]
fn refused(operator: &Operator, arguments: &[&str], words: &[&str]) {
    let output = operator.run(arguments);
    let said = text(&output);
    assert!(!output.status.success(), "it started: {said}");
    for word in words {
        assert!(said.contains(word), "no `{word}` in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn unknown_keys_and_bad_values_are_named() {
    let operator = Operator::new();
    operator.config_file("listne = \"127.0.0.1:8080\"");
    refused(&operator, &["serve"], &["rejoinder.toml", "listne"]);
    operator.config_file("registration = \"sometimes\"");
    refused(&operator, &["serve"], &["sometimes", "open", "closed"]);
    operator.config_file("send_rate_per_minute = 0");
    refused(&operator, &["serve"], &["send_rate_per_minute", "between"]);
    operator.config_file("");
    refused(
        &operator,
        &["serve", "--model", "nonsense"],
        &["nonsense", "provider/model"],
    );
    refused(
        &operator,
        &["serve", "--model", "nope/x"],
        &["nope", "not configured"],
    );
    refused(
        &operator,
        &["serve", "--model", "local/nothere"],
        &["local/nothere", "local/PATH.gguf"],
    );
    refused(
        &operator,
        &["serve", "--model", "local//nowhere/x.gguf"],
        &["local//nowhere/x.gguf", "none at /nowhere/x.gguf"],
    );
    refused(
        &operator,
        &["serve", "--public-url", "chat.example.org"],
        &["chat.example.org", "https://"],
    );
    refused(
        &operator,
        &["serve", "--database-url", "mysql://x"],
        &["sqlite://", "postgres://"],
    );
}

#[test]
fn values_that_no_browser_or_clock_could_follow_are_named() {
    let operator = Operator::new();
    for url in ["http://chat.example:abc", "https://ch\u{e4}t.example"] {
        refused(
            &operator,
            &["serve", "--public-url", url],
            &[url, "https://chat.example.org"],
        );
    }
    refused(
        &operator,
        &["serve", "--listen", "localhost:8080"],
        &["localhost:8080", "--listen", "127.0.0.1:8080"],
    );
    for (text, words) in [
        (
            "listen = \"localhost:8080\"",
            ["localhost:8080", "127.0.0.1:8080"],
        ),
        (
            "[local_model]\nidle_minutes = 9223372036854775807",
            ["idle_minutes", "between"],
        ),
        ("[local_model]\nthreads = 0", ["threads", "between"]),
        (
            "drain_seconds = 9223372036854775807",
            ["drain_seconds", "between"],
        ),
    ] {
        operator.config_file(text);
        refused(&operator, &["serve"], &words);
    }
}

const OWN_TOOL: &str = r#"
    [[tools]]
    name = "stock"
    description = "How many there are."
    method = "GET"
    url = "http://127.0.0.1:9/stock"
    schema = '{"type": "object"}'
"#;

#[test]
fn a_policy_that_can_not_hold_is_named_with_what_can() {
    let operator = Operator::new();
    operator.config_file("[tool_policy]\ntodo_ad = \"ask\"");
    refused(
        &operator,
        &["serve"],
        &["`todo_ad`", "calculator", "current_time", "todo_add"],
    );
    operator.config_file("[tool_policy]\ntodo_add = \"maybe\"");
    refused(
        &operator,
        &["serve"],
        &["todo_add", "`maybe`", "`allow`, `ask`, `deny`"],
    );
    operator.config_file(&format!("{OWN_TOOL}[tool_policy]\nstock = \"ask\""));
    refused(&operator, &["serve"], &["`stock`", "`policy`", "[[tools]]"]);
}

#[test]
fn variables_that_mean_nothing_are_named() {
    let operator = Operator::new();
    for name in ["REJOINDER_PUBLICURL", "REJOINDER_DOCS"] {
        let mut command = operator.command(&["serve"]);
        let output = command.env(name, "https://chat.example").output().unwrap();
        let said = text(&output);
        assert!(!output.status.success(), "it started: {said}");
        for word in [name, "REJOINDER_PUBLIC_URL", "rejoinder.toml"] {
            assert!(said.contains(word), "no `{word}` in: {said}");
        }
    }
    let mut command = operator.command(&["config", "show"]);
    command
        .env("REJOINDER_SERVICE_HOST", "10.0.0.11")
        .env("REJOINDER_SEED", "7")
        .env("REJOINDER_TEST_MODEL", "x");
    assert!(command.output().unwrap().status.success());
}

#[test]
fn redis_is_refused_by_name_and_never_quoted() {
    let operator = Operator::new();
    let url = "redis://someone:s3cret@127.0.0.1:6379";
    refused(
        &operator,
        &["serve", "--redis-url", url],
        &["redis_url", "one node", "does not use Redis"],
    );
    operator.config_file(&format!("redis_url = \"{url}\""));
    refused(&operator, &["serve"], &["redis_url", "one node"]);
    refused(&operator, &["doctor"], &["FAIL", "redis_url", "one node"]);
    let shown = text(&operator.run(&["config", "show"]));
    assert!(
        shown.contains("redis://someone:***@127.0.0.1:6379"),
        "{shown}"
    );
    assert!(!shown.contains("s3cret"), "{shown}");
    operator.config_file("");
    let mut command = operator.command(&["config", "show"]);
    let shown = text(&command.env("REJOINDER_REDIS_URL", url).output().unwrap());
    assert!(
        shown.contains("redis://someone:***@127.0.0.1:6379"),
        "{shown}"
    );
    refused(
        &operator,
        &["config", "show", "--redis-url", "127.0.0.1:6379"],
        &["redis_url", "redis://127.0.0.1:6379"],
    );
}

#[test]
fn weak_secrets_stop_the_start() {
    let operator = Operator::new();
    operator.config_file("secret_key = \"short\"");
    refused(
        &operator,
        &["serve"],
        &["at least 32", "openssl rand -hex 32"],
    );
    operator.config_file("secret_key = \"changeme-changeme-changeme-changeme-1234\"");
    refused(&operator, &["serve"], &["placeholder"]);
}

#[test]
fn a_public_address_is_needed_beyond_loopback() {
    refused(
        &Operator::new(),
        &["serve", "--listen", "0.0.0.0:0"],
        &["--public-url"],
    );
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refused(
        &Operator::new(),
        &["serve", "--listen", &address],
        &[&address, "--listen"],
    );
}

#[test]
fn a_second_server_on_the_same_data_names_the_first() {
    let operator = Operator::new();
    let server = operator.serve(&[]);
    refused(
        &operator,
        &["serve", "--listen", "127.0.0.1:0"],
        &[&format!("process {}", server.id()), "--data-dir"],
    );
    assert_eq!(server.get("/health").status(), 200, "the first one goes on");
}

#[test]
fn a_data_directory_that_is_none_is_named() {
    let operator = Operator::new();
    std::fs::write(operator.data_dir(), b"a file").unwrap();
    refused(&operator, &["serve"], &["data directory", "--data-dir"]);
}

/// For the superuser too, who may write wherever anybody may: nothing can be made in these.
#[cfg(target_os = "linux")]
#[test]
fn a_data_directory_that_can_not_be_written_is_named() {
    let operator = Operator::new();
    for (dir, why) in [
        ("/proc/rejoinder", "can't be used"),
        // There, a folder, nobody else's, and yet no file can be made in it.
        ("/proc/self/fd", "can't be written"),
    ] {
        for command in [
            &["serve", "--listen", "127.0.0.1:0", "--data-dir", dir][..],
            &["migrate", "--data-dir", dir],
        ] {
            refused(&operator, command, &[dir, why, "--data-dir"]);
        }
    }
    refused(
        &operator,
        &["doctor", "--data-dir", "/proc/self/fd"],
        &["FAIL  data directory", "/proc/self/fd", "can't be written"],
    );
}

#[test]
fn a_key_that_others_can_read_stops_the_start() {
    use std::os::unix::fs::PermissionsExt;
    let operator = Operator::new();
    assert_eq!(operator.serve(&[]).stop(), Some(0));
    let key = operator.data_dir().join("secret.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    refused(&operator, &["serve"], &["secret.key", "chmod 600"]);
}

#[test]
fn a_file_that_is_no_database_is_named_and_left_alone() {
    let operator = Operator::new();
    operator.config_file("");
    let path = operator.data_dir().join("rejoinder.db");
    let bytes = b"this is not a database, it is somebody's letter ".repeat(200);
    std::fs::write(&path, &bytes).unwrap();
    refused(&operator, &["serve"], &["database"]);
    assert_eq!(crate::support::contents(&path), bytes);
}

#[test]
fn a_database_that_can_not_be_reached_is_named_without_its_password() {
    let operator = Operator::new();
    let url = "postgres://user:very-private@127.0.0.1:9/none";
    let output = operator.run(&["serve", "--listen", "127.0.0.1:0", "--database-url", url]);
    let said = text(&output);
    assert!(
        !output.status.success() && said.contains("database"),
        "{said}"
    );
    for word in ["127.0.0.1:9", "refused"] {
        assert!(said.contains(word), "no `{word}` in: {said}");
    }
    assert!(!said.contains("very-private"), "{said}");
}
