//! P22 over HTTP: every route of the list × bodies, values, ids and queries that nobody means well
//! with. The routes come from the list of operations, their values from the API's document.

use std::collections::BTreeMap;
use std::time::Duration;

use chaos::database::Kind;
use chaos::raw;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::Client;
use testkit::operations::{OPERATIONS, Operation};

use crate::p22_siege::Siege;

/// Whole bodies: what is no JSON, what is no object, what is too much.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |open: &str, close: &str| {
        format!("{}1{}", open.repeat(100_000), close.repeat(100_000)).into_bytes()
    };
    let many: Vec<String> = (0..50_000).map(|n| format!("\"a{n}\":{n}")).collect();
    vec![
        ("nothing", Vec::new()),
        ("an open brace", b"{".to_vec()),
        ("null", b"null".to_vec()),
        ("a list", b"[]".to_vec()),
        ("a number beyond all", b"1e999".to_vec()),
        ("objects 100,000 deep", deep("{\"content\":", "}")),
        ("lists 100,000 deep", deep("[", "]")),
        ("lists 100,000 deep, never closed", b"[".repeat(100_000)),
        (
            "a deep value",
            [b"{\"content\":".to_vec(), deep("[", "]"), b"}".to_vec()].concat(),
        ),
        (
            "50,000 members",
            format!("{{{}}}", many.join(",")).into_bytes(),
        ),
        (
            "duplicate keys",
            b"{\"content\":\"a\",\"content\":\"b\",\"title\":\"a\",\"title\":1}".to_vec(),
        ),
        (
            "1,000 of the same key",
            format!("{{{}}}", vec!["\"title\":\"a\""; 1_000].join(",")).into(),
        ),
        (
            "a digit string of 100,000",
            format!("{{\"parent_id\":{}}}", "9".repeat(100_000)).into(),
        ),
        (
            "a lone surrogate",
            b"{\"content\":\"\\ud800\",\"title\":\"\\udfff\"}".to_vec(),
        ),
        (
            "no UTF-8",
            b"{\"content\":\"\xff\xfe\",\"title\":\"\xc0\x80\"}".to_vec(),
        ),
        (
            "UTF-16",
            "{\"content\":\"a\"}"
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect(),
        ),
        ("a byte order mark", "\u{feff}{}".into()),
        ("NUL bytes", vec![0; 1_000]),
        ("a comment", b"{/**/}".to_vec()),
        ("one byte too many", vec![b' '; 1024 * 1024 + 1]),
        (
            "a megabyte of key",
            format!("{{\"{}\":1}}", "k".repeat(1_000_000)).into(),
        ),
        (
            "a megabyte of password",
            format!(
                "{{\"email\":\"a@b\",\"full_name\":\"a\",\"password\":\"{}\"}}",
                "p".repeat(1_000_000)
            )
            .into(),
        ),
    ]
}

/// Values for each member in turn.
fn values() -> Vec<Value> {
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(0),
        json!(1_000_000_000_000_000_000_i64),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1e300),
        json!(0.5),
        json!(""),
        json!(" "),
        json!("\0"),
        json!("a\0b"),
        json!("\u{202e}gnp.exe\u{2066}"),
        json!("\u{feff}"),
        json!("\u{10ffff}"),
        json!("' OR 1=1; --"),
        json!("\" NEAR/2 * AND ("),
        json!("%s%n{{7*7}}${jndi:ldap://x}"),
        json!("../../etc/passwd"),
        json!("9999-12-31T23:59:60+99:99"),
        json!("-271821-04-20T00:00:00Z"),
        json!("00000000-0000-0000-0000-000000000000"),
        json!("x".repeat(100_000)),
        json!("😀".repeat(10_001)),
        json!([]),
        json!({}),
        json!(vec!["t"; 10_000]),
        deep,
    ]
}

/// Texts for queries and paths, already encoded.
fn texts() -> Vec<String> {
    let plain = [
        "",
        "-1",
        "0",
        "1000000000000000000",
        "9223372036854775807",
        "9223372036854775808",
        "1e3",
        "NaN",
        "0x10",
        "%2B1",
        "%00",
        "%ff",
        "%F0%9F",
        "%E2%80%AE",
        "%27%20OR%201=1--",
        "%25",
        "ffffffffffffff-1",
        "0-0",
        "-1--1",
        "1-ffffffffffffffff",
        "1-7fffffffffffffff",
        "%5B%5D",
        "true",
        "null",
        "018f0000-0000-7000-8000-000000000000",
        "..%2f..%2fetc%2fpasswd",
    ];
    let mut all: Vec<_> = plain.into_iter().map(str::to_owned).collect();
    all.push("9".repeat(10_000));
    all.push("a,".repeat(5_000));
    all
}

/// The members that a body of the operation may have.
fn members(document: &Value, operation: &Value) -> Vec<String> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let schema = match schema["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => schema,
    };
    let properties = schema["properties"].as_object();
    properties.map_or_else(Vec::new, |found| found.keys().cloned().collect())
}

fn queries(operation: &Value) -> Vec<String> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let queries = parameters.filter(|parameter| parameter["in"] == "query");
    queries
        .map(|query| query["name"].as_str().unwrap().to_owned())
        .collect()
}

fn fill(pattern: &str, id: &str) -> String {
    let segments = pattern.split('/');
    let filled = segments.map(|one| if one.starts_with('{') { id } else { one });
    filled.collect::<Vec<_>>().join("/")
}

struct Attacker<'a> {
    siege: &'a Siege,
    http: reqwest::Client,
    client: Client,
    answers: BTreeMap<u16, usize>,
}

impl<'a> Attacker<'a> {
    async fn new(siege: &'a Siege) -> Self {
        // A refusal may come before the body has been taken, and the connection is then closed: each
        // request has its own.
        let http = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0);
        let redirects = reqwest::redirect::Policy::none();
        Self {
            siege,
            http: http.redirect(redirects).build().unwrap(),
            client: siege.account("attacker").await,
            answers: BTreeMap::new(),
        }
    }

    /// The attack on the passwords has used up what its network may try: it comes back as told.
    async fn sign_in(&self) {
        loop {
            let answer = self.client.try_login("attacker@example.org").await.unwrap();
            if answer.status != 429 {
                answer.expect(200);
                return;
            }
            let wait = answer.headers["retry-after"]
                .to_str()
                .unwrap()
                .parse()
                .unwrap();
            tokio::time::sleep(Duration::from_secs(wait)).await;
        }
    }

    /// Sends it and looks at what comes back. `path` is whole.
    async fn send(&mut self, op: &Operation, path: &str, body: Vec<u8>, what: &str) {
        let method: Method = op.method.parse().unwrap();
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.siege.server.url));
        request = request
            .bearer_auth(self.client.token().unwrap())
            .header("content-type", "application/json")
            .timeout(Duration::from_secs(60));
        let answer = request.body(body).send().await;
        let answer = answer.unwrap_or_else(|error| panic!("{} {path} {what}: {error}", op.method));
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        *self.answers.entry(status).or_default() += 1;
        // A stream that began is an answer; it need not end.
        let body = if status < 400 {
            Vec::new()
        } else {
            answer.bytes().await.unwrap().to_vec()
        };
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if let Err(wrong) = raw::check(status, header, &body) {
            panic!("{} {path} {what}: {wrong}", op.method);
        }
        // Some of these end the login that they are called with.
        if self.client.try_get("/auth/me").await.unwrap().status == 401 {
            self.sign_in().await;
        }
    }
}

async fn every_route(kind: Kind) {
    let siege = Siege::begin(kind).await;
    let mut attacker = Attacker::new(&siege).await;
    let id = "018f0000-0000-7000-8000-000000000000";
    for op in OPERATIONS.iter().filter(|op| op.method != "WS") {
        let described = &siege.document["paths"][op.path][op.method.to_lowercase()];
        assert!(described.is_object(), "{} {}", op.method, op.path);
        let path = fill(op.path, id);
        for (what, body) in bodies() {
            attacker.send(op, &path, body, what).await;
        }
        let names = members(&siege.document, described);
        for (name, value) in names
            .iter()
            .flat_map(|name| values().into_iter().map(move |v| (name, v)))
        {
            let what = format!("{name} = {:.80}", value.to_string());
            let mut body: serde_json::Map<_, _> = names
                .iter()
                .map(|name| (name.clone(), json!("text1234@x")))
                .collect();
            body.insert(name.clone(), value);
            attacker
                .send(
                    op,
                    &path,
                    Value::Object(body).to_string().into_bytes(),
                    &what,
                )
                .await;
        }
        for text in texts() {
            if op.path.contains('{') {
                attacker
                    .send(op, &fill(op.path, &text), b"{}".to_vec(), "in the path")
                    .await;
            }
            for name in queries(described) {
                // What would be let in and never end is no attack.
                let path = format!("{path}?{name}={text}&{name}={text}&%00=%ff");
                attacker
                    .send(op, &path, b"{}".to_vec(), "in the query")
                    .await;
            }
        }
        siege.serves().await;
    }
    let sent: usize = attacker.answers.values().sum();
    assert!(sent > 40 * 22, "{sent}");
    let what = format!(
        "{sent} hostile requests to every route, answered {:?}",
        attacker.answers
    );
    siege.end(&what).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    every_route(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    every_route(Kind::Postgres).await;
}
