//! P7's other half: what is secret is nowhere in clear. The real binary logs everything that it can
//! (`trace`), its dependencies' words included; passwords, tokens of every kind, tickets and the keys of
//! the operator are used in bodies, headers, addresses and frames, where they are taken and where they
//! are refused. Afterwards log, standard output and a dump of the database are searched for each of them, and for
//! words that must be there, which shows that the search finds what is there.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use chaos::scene::Scene;
use chaos::{Database, Kind};
use reqwest::Method;
use reqwest::header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use serde_json::{Value, json};
use testkit::process::Server;
use testkit::{Behaviour, Client, Socket, Witness};

const EMAIL: &str = "canarymail@example.org";
const API_KEY: &str = "canaryapikey4711";
const TOOL_KEY: &str = "canarytoolkey4711";
const METRICS: &str = "canarymetricstoken4711";
const PASSWORD: &str = "canaryfirstpassword4711";
const NEXT: &str = "canarynextpassword4711";
const WRONG: &str = "canarywrongpassword4711";
/// What a log that says all that it can says of these requests.
const SAID: [&str; 5] = [
    "TRACE",
    "/api/v1/auth/login",
    "/api/v1/auth/refresh",
    "/api/v1/chat/ws",
    "/api/v1/chat/messages",
];

/// What must not be found, by what it is.
#[derive(Default)]
struct Secrets(BTreeMap<String, String>);

impl Secrets {
    fn add(&mut self, what: &str, value: &str) {
        assert!(
            value.len() > 12,
            "{what} {value:?} could be found by chance"
        );
        self.0.insert(what.to_owned(), value.to_owned());
    }

    /// Of a token its last part: the first ones say nothing that is secret.
    fn token(&mut self, what: &str, value: &Value) {
        let value = value.as_str().unwrap();
        self.add(what, value.rsplit('.').next().unwrap());
    }

    fn login(&mut self, what: &str, login: &Value) {
        self.token(&format!("access token {what}"), &login["access_token"]);
        self.token(&format!("refresh token {what}"), &login["refresh_token"]);
    }

    /// In clear, and as a dump shows bytes.
    fn words(&self) -> Vec<String> {
        let hex = |value: &String| {
            value.bytes().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            })
        };
        let forms = self
            .0
            .values()
            .flat_map(|value| [value.clone(), hex(value)]);
        forms.collect()
    }
}

fn found(text: &[u8], words: &[String]) -> Vec<String> {
    let is_in = |word: &&String| text.windows(word.len()).any(|at| at == word.as_bytes());
    words.iter().filter(is_in).cloned().collect()
}

/// Which of the words the database holds: every row of every table, or every byte of its files.
async fn dumped(database: &Database, data_dir: &Path, words: &[String]) -> Vec<String> {
    let mut all = database.rows_with(words).await;
    if let Database::Sqlite { .. } = database {
        for file in ["rejoinder.db", "rejoinder.db-wal"] {
            let bytes = std::fs::read(data_dir.join(file)).unwrap_or_default();
            all.extend(
                found(&bytes, words)
                    .iter()
                    .map(|word| format!("{word} in {file}")),
            );
        }
    }
    all
}

/// Registers, signs in, refreshes, changes the password; and each in ways that are refused.
async fn accounts(client: &Client, secrets: &mut Secrets) {
    let anonymous = client.anonymous();
    for (what, password) in [("first", PASSWORD), ("next", NEXT), ("wrong", WRONG)] {
        secrets.add(&format!("{what} password"), password);
    }
    let account = json!({"email": EMAIL, "password": PASSWORD, "full_name": "Canary"});
    let register = "/auth/register";
    anonymous.post(register, account.clone()).await.expect(201);
    anonymous.post(register, account).await.expect(409);
    let wrong = json!({"email": EMAIL, "password": WRONG});
    anonymous.post("/auth/login", wrong).await.expect(401);
    // Where an object should be, and where another text should be.
    for body in [
        json!(PASSWORD),
        json!({"email": EMAIL, "password": [PASSWORD]}),
    ] {
        anonymous.post("/auth/login", body).await.expect(422);
    }
    let body = json!({"email": EMAIL, "password": PASSWORD});
    let login = anonymous.post("/auth/login", body).await.expect(200);
    secrets.login("of the login", &login);
    let refresh = json!({"refresh_token": login["refresh_token"]});
    let renewed = anonymous.post("/auth/refresh", refresh).await.expect(200);
    secrets.login("of the refresh", &renewed);
    let access = renewed["access_token"].as_str().unwrap();
    client.set_token(Some(access.to_owned()));
    client.get("/auth/me").await.expect(200);
    // One in the other's place.
    let misplaced = client.anonymous();
    let refresh = renewed["refresh_token"].as_str().unwrap();
    misplaced.set_token(Some(refresh.to_owned()));
    misplaced.get("/auth/me").await.expect(401);
    let body = json!({"refresh_token": access});
    anonymous.post("/auth/refresh", body).await.expect(401);
    for (current, status) in [(WRONG, 422), (PASSWORD, 204)] {
        let change = json!({"current_password": current, "new_password": NEXT});
        let answer = client.post("/auth/password", change).await;
        assert_eq!(answer.status, status, "{:#}", answer.body);
    }
}

/// Opens sockets in all four ways, and renews one.
async fn sockets(client: &Client, secrets: &mut Secrets) {
    let at = |token: &str| {
        let base = client.base().replacen("http", "ws", 1);
        format!("{base}/api/v1/chat/ws?token={token}")
    };
    let ticket = client.post("/chat/ws-ticket", json!({})).await.expect(200);
    secrets.token("ticket", &ticket["ticket"]);
    let ticket = at(ticket["ticket"].as_str().unwrap());
    let access = client.token().unwrap();
    for url in [&ticket, &at(&access)] {
        let mut socket = Socket::connect(url).await.unwrap();
        socket.frame("connection").await;
        let token = json!({ "token": access });
        socket.send("auth", None, token).await;
        socket.send("ping", None, json!({})).await;
        socket.frame("pong").await;
    }
    assert!(Socket::connect(&ticket).await.is_err(), "used twice");
    let plain = client.anonymous();
    for (name, value) in [
        ("authorization", format!("Bearer {access}")),
        ("sec-websocket-protocol", format!("rejoinder, {access}")),
        ("sec-websocket-protocol", format!("rejoinder, x{access}")),
    ] {
        let refused = value.contains(" x");
        let request = plain.request(Method::GET, "/chat/ws").header(name, value);
        let upgrade = request
            .header(CONNECTION, "upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==");
        let status = upgrade.send().await.unwrap().status();
        assert_eq!(status, if refused { 401 } else { 101 }, "{name}");
    }
}

/// Model and tool at work, and failing.
async fn answers(client: &Client, scene: &Scene, witness: &Witness) {
    let said = async |script: &str| {
        let body = json!({ "content": format!("Canary [[script: {script}]]") });
        let sent = client.send(body).await.expect(200);
        sent["ai_message"]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(said("fault=401").await, "failed");
    assert_eq!(said("tokens=6 fault=reset@3").await, "failed");
    for behaviour in [
        Behaviour::Answer,
        Behaviour::fail(401, "who are you?"),
        Behaviour::Die,
    ] {
        witness.behave(behaviour);
        assert_eq!(said("tool=write_down tokens=2").await, "complete");
    }
    // They were used, both of them.
    let calls = witness.entries();
    let key = format!("Bearer {TOOL_KEY}");
    assert_eq!(calls.len(), 3);
    assert!(
        calls
            .iter()
            .all(|call| call.authorization.as_deref() == Some(&key))
    );
    let key = format!("Bearer {API_KEY}");
    let asked = scene.model.answers();
    assert!(
        asked
            .iter()
            .all(|call| call.authorization.as_deref() == Some(&key))
    );
}

async fn metrics(server: &Server) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (token, status) in [(METRICS, 200), ("canarynotthetoken", 404)] {
        let request = client.get(format!("{}/metrics", server.url));
        let answer = request.bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
}

async fn nowhere(kind: Kind, format: &str) {
    let witness = Witness::start().await;
    let tool = format!(
        "[[tools]]\nname = \"write_down\"\ndescription = \"Writes down\"\n\
         schema = {{ type = \"object\" }}\nmethod = \"POST\"\nurl = \"{}/notes\"\n\
         headers = {{ Authorization = \"Bearer {{env:CANARY_TOOL_KEY}}\" }}\n\
         class = \"effectful\"\npolicy = \"allow\"\n",
        witness.url()
    );
    let scene = Scene::new(kind, &tool).await;
    let mut binary = scene
        .binary()
        .env("OPENAI_API_KEY", API_KEY)
        .env("CANARY_TOOL_KEY", TOOL_KEY)
        .env("REJOINDER_METRICS_TOKEN", METRICS)
        .arg("--log", "trace")
        .arg("--log-format", format);
    let server = binary.start().await;
    let client = Client::new(&server.url);
    let data_dir = scene.folder().join("data");
    let mut secrets = Secrets::default();
    for (what, value) in [
        ("API key", API_KEY),
        ("tool's key", TOOL_KEY),
        ("metrics", METRICS),
    ] {
        secrets.add(what, value);
    }
    let signing = std::fs::read_to_string(data_dir.join("secret.key")).unwrap();
    secrets.add("signing key", signing.trim());

    accounts(&client, &mut secrets).await;
    sockets(&client, &mut secrets).await;
    answers(&client, &scene, &witness).await;
    metrics(&server).await;

    let words = secrets.words();
    let known = [EMAIL.to_owned()];
    assert_ne!(dumped(&scene.database, &data_dir, &known).await, [""; 0]);
    assert_eq!(dumped(&scene.database, &data_dir, &words).await, [""; 0]);
    let (exit, out) = server.terminate_and_hear().await;
    assert!(exit.success(), "{exit}");
    assert_ne!(dumped(&scene.database, &data_dir, &known).await, [""; 0]);
    assert_eq!(dumped(&scene.database, &data_dir, &words).await, [""; 0]);
    assert_eq!(found(out.as_bytes(), &words), [""; 0]);
    let log = std::fs::read(data_dir.with_extension("log")).unwrap();
    let said = SAID.map(str::to_owned);
    assert_eq!(found(&log, &said), said, "the log does not say it");
    let lines = String::from_utf8_lossy(&log);
    for (what, value) in &secrets.0 {
        let line = lines.lines().find(|line| line.contains(value));
        assert_eq!(line, None, "the log tells the {what}");
    }
    assert_eq!(found(&log, &words), [""; 0]);
    println!(
        "{}: {} secrets, none of them in {} bytes of log, nor in the database",
        kind.name(),
        secrets.0.len(),
        log.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    nowhere(Kind::Sqlite, "text").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    nowhere(Kind::Postgres, "json").await;
}
