//! What several tests need.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use agent::AgentHandle;
use agent::ports::{Model, ModelCatalog, ModelError, ModelErrorKind, ModelList, Toolbox};
use domain::Ids;
use reqwest::Method;
use secrecy::{SecretBox, SecretString};
use serde_json::{Value, json};
use server::auth::NewSetupCode;
use server::{AppState, Registration, ServerConfig};
use testkit::client::Answer;
use testkit::process::setting;
use testkit::time::{RandomIds, WallClock};
use testkit::{Client, TestApp};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// No model at all.
struct NoModels;

#[async_trait::async_trait]
impl ModelCatalog for NoModels {
    async fn list(&self) -> ModelList {
        ModelList::default()
    }

    fn default_id(&self) -> Option<String> {
        None
    }

    async fn default_model(&self) -> Result<Arc<dyn Model>, ModelError> {
        self.model("")
    }

    fn model(&self, _: &str) -> Result<Arc<dyn Model>, ModelError> {
        Err(ModelError::new(
            ModelErrorKind::NotConfigured,
            "There is no model.",
        ))
    }
}

/// Another server over the same store, configured otherwise and without an agent.
pub struct Second {
    pub client: Client,
    pub drain: CancellationToken,
}

pub async fn second(app: &TestApp, change: impl FnOnce(&mut ServerConfig)) -> Second {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = listener.local_addr().unwrap();
    let drain = CancellationToken::new();
    let mut config = ServerConfig {
        listen,
        public_url: None,
        registration: Registration::Closed,
        new_setup_code: None,
        jwt_key: SecretBox::new(Box::from([7u8; 32].as_slice())),
        send_wait: Duration::from_secs(5),
        send_rate_per_minute: 1_000,
        metrics_token: None,
        docs: true,
        version: "test",
        tracker: TaskTracker::new(),
        drain: drain.clone(),
        metrics_render: Arc::new(|| "metric 1\n".to_owned()),
    };
    change(&mut config);
    let tracker = config.tracker.clone();
    let handle = AgentHandle::new(Arc::new(NoModels), Toolbox::default(), Arc::clone(&app.bus));
    let state = AppState::new(
        config,
        Arc::new(app.store.clone()),
        Arc::clone(&app.bus),
        Arc::new(WallClock),
        Arc::new(RandomIds::default()),
        handle,
    );
    let shutdown = CancellationToken::new();
    tracker.spawn(async move {
        server::serve(listener, server::router(state), shutdown)
            .await
            .unwrap();
    });
    Second {
        client: Client::new(&format!("http://{listen}")),
        drain,
    }
}

/// `code-1`, `code-2` and so on, in the order in which they are shown.
pub fn numbered_codes() -> NewSetupCode {
    let made = AtomicU32::new(0);
    Arc::new(move || {
        let number = made.fetch_add(1, Ordering::SeqCst) + 1;
        SecretString::from(format!("code-{number}"))
    })
}

/// A request with headers of the test's choice. `path` is whole.
pub async fn raw(
    client: &Client,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> reqwest::Response {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = http
        .request(method, format!("{}{path}", client.base()))
        .body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

/// Whether the page is inside this binary. Where it must be, as in `make test`, which builds it before
/// and says so, a test that has nothing to look at fails.
pub async fn page_is_built(client: &Client) -> bool {
    let built = raw(client, Method::GET, "/", &[], "").await.status() == 200;
    assert!(
        built || setting("REJOINDER_TEST_PAGE").is_none(),
        "the page is not in this binary: scripts/web.sh, then build again"
    );
    built
}

/// A POST under a key. `path` is below `/api/v1`.
pub async fn keyed(client: &Client, path: &str, key: &str, body: Value) -> Answer {
    let request = client.request(Method::POST, path).json(&body);
    answer(request.header("idempotency-key", key).send().await.unwrap()).await
}

pub async fn answer(response: reqwest::Response) -> Answer {
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = response.bytes().await.unwrap();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Answer {
        status,
        headers,
        body,
    }
}

/// Sends without waiting. Answers conversation and run.
pub async fn begin(client: &Client, content: &str) -> (String, String) {
    let sent = client
        .try_send_async(&json!({ "content": content }))
        .await
        .unwrap()
        .expect(202);
    let text = |key: &str| sent[key].as_str().unwrap().to_owned();
    (text("conversation_id"), text("run_id"))
}

/// A conversation with one answered message and a title of its own, so that nothing more happens in
/// it by itself. Answers its id and the answer's.
pub async fn answered(client: &Client) -> (String, i64) {
    let made = client
        .post("/chat/conversations", json!({ "title": "Titled" }))
        .await
        .expect(201);
    let id = made["conversation_id"].as_str().unwrap().to_owned();
    let body = json!({ "content": "Hello [[script: tokens=2]]", "conversation_id": id });
    let sent = client.send(body).await.expect(200);
    (id, sent["ai_message"]["id"].as_i64().unwrap())
}

pub fn uuid() -> Uuid {
    RandomIds::default().uuid()
}

/// Until these words of the newest message are stored: a gate that was reached says only that the model
/// has sent what comes before it.
pub async fn written(client: &Client, conversation: &str, text: &str) {
    let waiting = async {
        loop {
            let messages = client.messages(conversation).await;
            let newest = messages.last().and_then(|last| last["content"].as_str());
            if newest.is_some_and(|content| content.trim_end() == text) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .unwrap_or_else(|_| panic!("never written: {text}"));
}

/// Until the run has ended.
pub async fn finished(client: &Client, run: &str) {
    let mut events = client
        .try_events(&format!("/chat/runs/{run}/events"))
        .await
        .unwrap();
    while events.next().await.is_some() {}
}
