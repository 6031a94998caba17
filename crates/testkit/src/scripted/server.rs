//! The HTTP side: what was asked, what is played, what was recorded.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::gates::{Gate, Gates};
use super::listener::{ResetSwitch, ResettableListener};
use super::reply::{self, Reply};
use super::script::{Fault, Script};
use crate::socket::PATIENCE;

/// The answer to a request for a title.
const TITLE: &str = "A scripted title";

/// How an answer came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Still being sent, or held at a gate.
    Running,
    Complete,
    /// Broken on purpose.
    Fault,
    /// The client left.
    Dropped,
}

/// One request to `/v1/chat/completions`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recorded {
    /// From 1.
    pub number: usize,
    pub authorization: Option<String>,
    pub body: Value,
    /// Text tokens sent so far.
    pub sent: usize,
    pub ended: Ended,
}

impl Recorded {
    #[must_use]
    pub fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or_default()
    }

    #[must_use]
    pub fn messages(&self) -> &[Value] {
        self.body["messages"].as_array().map_or(&[], Vec::as_slice)
    }

    /// Asked for a title, not for an answer.
    #[must_use]
    pub fn is_title(&self) -> bool {
        is_title_request(self.messages())
    }
}

#[derive(Default)]
pub(super) struct Shared {
    pub(super) gates: Gates,
    records: Mutex<Vec<Recorded>>,
    scripts: Mutex<HashMap<String, Script>>,
    /// How often a fault has struck, by user message.
    struck: Mutex<HashMap<String, u64>>,
    changed: watch::Sender<u64>,
}

impl Shared {
    fn records(&self) -> MutexGuard<'_, Vec<Recorded>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn update(&self, number: usize, change: impl FnOnce(&mut Recorded)) {
        if let Some(record) = self.records().get_mut(number - 1) {
            change(record);
        }
        self.changed.send_modify(|version| *version += 1);
    }

    fn record(&self, authorization: Option<String>, body: Value) -> usize {
        let mut records = self.records();
        let number = records.len() + 1;
        records.push(Recorded {
            number,
            authorization,
            body,
            sent: 0,
            ended: Ended::Running,
        });
        drop(records);
        self.changed.send_modify(|version| *version += 1);
        number
    }

    /// Whether a fault that strikes `times` times strikes now.
    fn strikes(&self, message: &str, times: Option<u64>) -> bool {
        let mut struck = self.struck.lock().unwrap_or_else(PoisonError::into_inner);
        let count = struck.entry(message.to_owned()).or_default();
        *count += 1;
        times.is_none_or(|times| *count <= times)
    }
}

/// The server. Dropping it closes the listener.
pub struct ScriptedModel {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl ScriptedModel {
    /// On a free port of loopback.
    pub async fn start() -> Self {
        Self::bind(0).await.expect("a free port on loopback")
    }

    pub async fn bind(port: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let app = router(shared.clone()).into_make_service_with_connect_info::<ResetSwitch>();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let _ = axum::serve(ResettableListener(listener), app).await;
        });
        Ok(Self {
            address,
            shared,
            _tasks: tasks,
        })
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// For `OPENAI_BASE_URL`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Plays `script` to requests for the model `name` whose message carries none.
    pub fn script(&self, name: &str, script: Script) {
        let mut scripts = self
            .shared
            .scripts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        scripts.insert(name.to_owned(), script);
    }

    #[must_use]
    pub fn gate(&self, name: &str) -> Gate {
        self.shared.gates.get(name)
    }

    /// All requests so far, in the order in which they came.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.records().clone()
    }

    /// Requests for answers, without those for titles.
    #[must_use]
    pub fn answers(&self) -> Vec<Recorded> {
        self.requests()
            .into_iter()
            .filter(|request| !request.is_title())
            .collect()
    }

    /// Waits until the records satisfy `condition`.
    ///
    /// # Panics
    /// After [`PATIENCE`], with the records.
    pub async fn until(&self, condition: impl Fn(&[Recorded]) -> bool) {
        let mut changed = self.shared.changed.subscribe();
        let wait = async {
            while !condition(&self.shared.records()) {
                let _ = changed.changed().await;
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            panic!(
                "the scripted model was never asked so: {:#?}",
                self.requests()
            );
        }
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/models", get(models))
        .route("/v1/chat/completions", post(completions))
        .route("/requests", get(requests))
        .route("/gates/{name}", get(gate))
        .route("/gates/{name}/open", post(open_gate))
        .route("/gates/{name}/close", post(close_gate))
        .route("/gates/{name}/reached", get(gate_reached))
        .with_state(shared)
}

async fn models(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let scripts = shared
        .scripts
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let mut names: Vec<String> = scripts.keys().cloned().collect();
    names.push("scripted".to_owned());
    names.sort();
    let data: Vec<Value> = names
        .into_iter()
        .map(|id| json!({"id": id, "object": "model", "created": 0, "owned_by": "testkit"}))
        .collect();
    Json(json!({"object": "list", "data": data}))
}

async fn requests(State(shared): State<Arc<Shared>>) -> Json<Vec<Recorded>> {
    Json(shared.records().clone())
}

async fn gate(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Json<Value> {
    let gate = shared.gates.get(&name);
    Json(json!({"name": name, "arrivals": gate.arrivals()}))
}

async fn open_gate(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> StatusCode {
    shared.gates.get(&name).open();
    StatusCode::NO_CONTENT
}

async fn close_gate(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> StatusCode {
    shared.gates.get(&name).close();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
struct Reached {
    #[serde(default = "once")]
    times: u64,
}

fn once() -> u64 {
    1
}

/// Answers when so many answers have come to the gate; 408 after 30 seconds.
async fn gate_reached(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    Query(reached): Query<Reached>,
) -> StatusCode {
    let gate = shared.gates.get(&name);
    let wait = gate.comes(reached.times);
    match tokio::time::timeout(Duration::from_secs(30), wait).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::REQUEST_TIMEOUT,
    }
}

async fn completions(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(reset): ConnectInfo<ResetSwitch>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
        .map(str::to_owned);
    let number = shared.record(authorization, body.clone());
    let reply = match plan(&shared, &body, number) {
        Ok(reply) => reply,
        Err(problem) => {
            shared.update(number, |record| record.ended = Ended::Fault);
            return refusal(StatusCode::BAD_REQUEST, &problem, None);
        }
    };
    match reply.round.fault {
        Some(Fault::Status(status)) => {
            shared.update(number, |record| record.ended = Ended::Fault);
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            refusal(status, "scripted failure", reply.round.retry_after)
        }
        Some(Fault::Html { at: 0 }) => {
            shared.update(number, |record| record.ended = Ended::Fault);
            ([(header::CONTENT_TYPE, "text/html")], reply::PAGE).into_response()
        }
        _ if body["stream"].as_bool() == Some(true) => {
            let stream = Body::from_stream(reply::stream(shared, reply, reset));
            ([(header::CONTENT_TYPE, "text/event-stream")], stream).into_response()
        }
        _ => Json(reply::whole(shared, reply).await).into_response(),
    }
}

fn refusal(status: StatusCode, message: &str, retry_after: Option<u64>) -> Response {
    let body = Json(json!({"error": {
        "message": message, "type": "scripted_error", "code": status.as_u16(),
    }}));
    let mut response = (status, body).into_response();
    if let Some(seconds) = retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// What to say to a request.
fn plan(shared: &Shared, body: &Value, number: usize) -> Result<Reply, String> {
    let messages = body["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let model = body["model"].as_str().unwrap_or_default().to_owned();
    let asked = messages
        .iter()
        .rposition(|message| message["role"] == "user");
    let message = asked.map(|at| content(&messages[at])).unwrap_or_default();
    let script = if is_title_request(messages) {
        let begun = Script::find(&message).and_then(Result::ok);
        let gate = begun.and_then(|script| script.round(0).title_gate);
        let gate = gate.map_or_else(String::new, |name| format!(" gate={name}@0"));
        Script::parse(&format!("text={}{gate}", Value::from(TITLE)))?
    } else if let Some(script) = Script::find(&message) {
        script?
    } else {
        let scripts = shared
            .scripts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        scripts.get(&model).cloned().unwrap_or_default()
    };
    let since = &messages[asked.map_or(0, |at| at + 1)..];
    let call = since.iter().filter(|message| has_calls(message)).count();
    let mut round = script.round(call);
    if round.fault.is_some() && !shared.strikes(&message, round.fault_times) {
        round.fault = None;
    }
    // An endpoint should not call what it was not offered.
    let offered = body["tools"]
        .as_array()
        .is_some_and(|tools| !tools.is_empty());
    if !offered && !round.quirks.stubborn && !round.calls.is_empty() {
        round = Script::default().round(0);
    }
    let said = since
        .last()
        .filter(|message| message["role"] == "assistant" && !has_calls(message));
    let skip = skipped(&round.text, &said.map(content).unwrap_or_default())?;
    Ok(Reply {
        number,
        model,
        round,
        skip,
        prompt_tokens: messages
            .iter()
            .map(|m| content(m).split_whitespace().count())
            .sum(),
        usage_wanted: body["stream_options"]["include_usage"].as_bool() == Some(true),
    })
}

/// How many pieces of `text` a prefilled answer already holds, and the bytes of the next one.
fn skipped(text: &[String], prefill: &str) -> Result<reply::Skip, String> {
    let mut left = prefill;
    let mut pieces = 0;
    for piece in text {
        match left.strip_prefix(piece.as_str()) {
            Some(rest) => left = rest,
            None if piece.starts_with(left) => break,
            None => {
                return Err(format!(
                    "the prefilled answer is not the script's: {prefill:?}"
                ));
            }
        }
        pieces += 1;
    }
    Ok(reply::Skip {
        pieces,
        bytes: left.len(),
    })
}

fn has_calls(message: &Value) -> bool {
    message["tool_calls"]
        .as_array()
        .is_some_and(|calls| !calls.is_empty())
}

fn is_title_request(messages: &[Value]) -> bool {
    messages
        .iter()
        .any(|message| message["role"] == "system" && content(message).contains("title"))
}

/// Text of a message, whose content may be a string or a list of parts.
fn content(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect::<String>(),
        _ => String::new(),
    }
}
