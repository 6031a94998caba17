//! P17 and P7, of acts that have several parts: a new password ends all other logins, and a deleted
//! account leaves nothing. Whoever asks for one and leaves before the answer, or meets a database that
//! refuses a part of it, has all of it or nothing.

use std::time::{Duration, Instant};

use chaos::database::Kind;
use chaos::raw::Raw;
use chaos::rig::{self, Rig};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::Client;
use testkit::client::{Answer, PASSWORD};
use testkit::process::Server;

const NEW: &str = "another horse, another battery";
/// Moments at which a client leaves: quarters of the time that the act takes.
const MOMENTS: u32 = 6;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Act {
    Password,
    Deletion,
}

impl Act {
    fn request(self) -> (Method, &'static str, Value) {
        match self {
            Self::Password => {
                let body = json!({"current_password": PASSWORD, "new_password": NEW});
                (Method::POST, "/auth/password", body)
            }
            Self::Deletion => (Method::DELETE, "/auth/me", json!({"password": PASSWORD})),
        }
    }

    async fn ask(self, client: &Client) -> u16 {
        let (method, path, body) = self.request();
        let request = client.request(method, path).json(&body);
        request.send().await.unwrap().status().as_u16()
    }
}

/// An account with two logins.
struct Owner {
    email: String,
    id: i64,
    client: Client,
    other: Client,
}

impl Owner {
    async fn new(server: &Server, name: &str) -> Self {
        let email = format!("{name}@example.org");
        let client = Client::new(&server.url);
        let user = client.register(&email).await;
        let other = Client::new(&server.url);
        other.login(&email).await;
        rig::conversation(&client).await;
        let id = user["id"].as_i64().unwrap();
        Self {
            email,
            id,
            client,
            other,
        }
    }

    async fn login(&self, password: &str) -> Answer {
        let body = json!({"email": self.email, "password": password});
        self.client.anonymous().post("/auth/login", body).await
    }

    /// Whether the act was carried out.
    ///
    /// # Panics
    /// When a part of it was.
    async fn state(&self, act: Act, rig: &Rig) -> bool {
        let old = self.login(PASSWORD).await.status == 200;
        let new = self.login(NEW).await.status == 200;
        let alive = |client: Client| async move { client.get("/auth/me").await.status == 200 };
        let (own, other) = (
            alive(self.client.clone()).await,
            alive(self.other.clone()).await,
        );
        let rows = !rig.database.tables_of(self.id).await.is_empty();
        let seen = (old, new, own, other, rows);
        let nothing = (true, false, true, true, true);
        let whole = match act {
            Act::Password => (false, true, true, false, true),
            Act::Deletion => (false, false, false, false, false),
        };
        assert!(
            seen == nothing || seen == whole,
            "{act:?} in part: old password, new one, own login, other login, rows: {seen:?}"
        );
        seen == whole
    }
}

/// Sends and leaves so long after.
async fn leave(client: &Client, act: Act, after: Duration) {
    let (method, path, body) = act.request();
    let (body, token) = (body.to_string(), client.token().unwrap());
    let head = format!(
        "{method} /api/v1{path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        rig::host(client.base()),
        body.len()
    );
    let mut connection = Raw::connect(client.base()).await;
    connection.send((head + &body).as_bytes()).await;
    tokio::time::sleep(after).await;
}

async fn whoever_leaves(kind: Kind) {
    let mut rig = Rig::new(kind, "").await;
    let mut server = rig.start().await;
    // An admin stays, so that every other account may go.
    rig::user(&server, "admin").await;
    for act in [Act::Password, Act::Deletion] {
        let owner = Owner::new(&server, &format!("undisturbed{act:?}")).await;
        let begun = Instant::now();
        assert_eq!(act.ask(&owner.client).await, 204);
        let takes = begun.elapsed();
        assert!(owner.state(act, &rig).await);
        let mut carried_out = 0;
        for moment in 0..MOMENTS {
            let owner = Owner::new(&server, &format!("{act:?}{moment}")).await;
            leave(&owner.client, act, takes * moment / 4).await;
            // A stop waits for what has begun.
            assert!(server.terminate().await.success());
            server = rig.start().await;
            carried_out += u32::from(owner.state(act, &rig).await);
        }
        println!(
            "{}: {act:?}: {MOMENTS} clients left; carried out for {carried_out}, not at all for {}",
            kind.name(),
            MOMENTS - carried_out
        );
    }
    rig.finish(server).await;
}

async fn a_part_is_refused(kind: Kind) {
    let mut rig = Rig::new(kind, "").await;
    let server = rig.start().await;
    rig::user(&server, "admin").await;
    for act in [Act::Password, Act::Deletion] {
        let owner = Owner::new(&server, &format!("refused{act:?}")).await;
        rig.database.refuse("DELETE", "sessions", "").await;
        assert_eq!(act.ask(&owner.client).await, 500);
        assert!(!owner.state(act, &rig).await, "{act:?} was refused");
        rig.database.allow("sessions").await;
        assert_eq!(act.ask(&owner.client).await, 204);
        assert!(owner.state(act, &rig).await);
    }
    rig.finish(server).await;
}

#[tokio::test]
async fn sqlite() {
    whoever_leaves(Kind::Sqlite).await;
}

#[tokio::test]
async fn postgres() {
    whoever_leaves(Kind::Postgres).await;
}

#[tokio::test]
async fn sqlite_refuses_a_part() {
    a_part_is_refused(Kind::Sqlite).await;
}

#[tokio::test]
async fn postgres_refuses_a_part() {
    a_part_is_refused(Kind::Postgres).await;
}
