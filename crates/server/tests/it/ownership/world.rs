//! A server with a tool that asks first, and the accounts that meet on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agent::ports::{Tool, ToolContext, ToolError, ToolPlan, ToolSpec, Toolbox};
use domain::{ToolClass, ToolPolicy};
use serde_json::{Value, json};
use testkit::app::Options;
use testkit::client::PASSWORD;
use testkit::{Client, TestApp, TestDatabase};

pub(super) struct World {
    pub(super) app: TestApp,
    pub(super) admin: Client,
    number: AtomicU64,
}

impl World {
    /// On SQLite, and on PostgreSQL where the tests have one.
    pub(super) async fn all() -> Vec<Self> {
        let mut worlds = vec![Self::on(TestDatabase::sqlite()).await];
        if let Some(database) = TestDatabase::postgres().await {
            worlds.push(Self::on(database).await);
        }
        worlds
    }

    async fn on(database: TestDatabase) -> Self {
        let options = Options {
            tools: Toolbox::new(tools()),
            ..Options::default()
        };
        let app = TestApp::with(database, options).await;
        let admin = app.user().await;
        Self {
            app,
            admin,
            number: AtomicU64::new(0),
        }
    }

    /// The same data under a new process, as far as one process can show that.
    pub(super) async fn restart(self) -> Self {
        let app = self.app.restart().await;
        let admin = app.client();
        admin.set_token(self.admin.token());
        Self { app, admin, ..self }
    }

    /// Different each time.
    pub(super) fn next(&self) -> u64 {
        self.number.fetch_add(1, Ordering::SeqCst)
    }

    /// An account with its login, and the id of its user.
    pub(super) async fn account(&self) -> (Client, i64, Value) {
        let email = format!("matrix{}@example.org", self.next());
        let client = self.app.client();
        // Two passwords checked and no more: there is a limit to them.
        let body = json!({ "email": email, "password": PASSWORD, "full_name": email });
        client.post("/auth/register", body).await.expect(201);
        let login = client.login(&email).await;
        (client, login["user"]["id"].as_i64().unwrap(), login)
    }

    pub(super) async fn change(&self, user: i64, change: Value) {
        let path = format!("/admin/users/{user}");
        self.admin.patch(&path, change).await.expect(200);
    }

    /// Deletes the account itself and everything of it.
    pub(super) async fn delete(&self, client: &Client) {
        let request = client.request(reqwest::Method::DELETE, "/auth/me");
        let answer = request.json(&json!({ "password": PASSWORD })).send().await;
        assert_eq!(answer.unwrap().status(), 204);
    }
}

/// As many that ask as are needed for two permissions side by side to have different names.
pub(super) const ORDERS: u64 = 8;

/// `order` and `order0`… park their run until somebody decides; nobody ever knows what became of a
/// `doubt`.
fn tools() -> Vec<Arc<dyn Tool>> {
    let asking = (0..ORDERS).map(|number| format!("order{number}"));
    let asking = asking.chain(["order".to_owned()]);
    let tools = asking.map(|name| (name, ToolPolicy::Ask));
    tools
        .chain([("doubt".to_owned(), ToolPolicy::Allow)])
        .map(|(name, policy)| Arc::new(Orders::new(name, policy)) as Arc<dyn Tool>)
        .collect()
}

struct Orders(ToolSpec, ToolPolicy);

impl Orders {
    fn new(name: String, policy: ToolPolicy) -> Self {
        let spec = ToolSpec {
            name,
            description: "Orders goods.".to_owned(),
            schema: json!({ "type": "object" }),
        };
        Self(spec, policy)
    }
}

impl Tool for Orders {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    fn class(&self) -> ToolClass {
        ToolClass::Effectful
    }

    fn policy(&self) -> ToolPolicy {
        self.1
    }

    fn plan(&self, _: &ToolContext, _: &Value) -> Result<ToolPlan, ToolError> {
        Ok(ToolPlan::Call(Box::pin(async {
            Err(ToolError::unknown("nobody knows what is ordered here"))
        })))
    }
}
