//! A client of the HTTP API: what a program would write, with the answers kept as JSON.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::socket::Socket;
use crate::sse::EventStream;

/// Good enough for every account of a test.
pub const PASSWORD: &str = "correct horse battery staple";

/// A client, signed in or not. Clones share the login.
#[derive(Clone)]
pub struct Client {
    base: String,
    http: reqwest::Client,
    token: Arc<Mutex<Option<String>>>,
}

/// What came back, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    /// `Null` where the body is not JSON.
    pub body: Value,
}

impl Answer {
    async fn read(response: Response) -> Result<Self, reqwest::Error> {
        let status = response.status();
        let headers = response.headers().clone();
        let bytes = response.bytes().await?;
        Ok(Self {
            status,
            headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        })
    }

    /// The body of an answer with this status.
    ///
    /// # Panics
    /// On any other, with the body.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{:#}", self.body);
        self.body
    }

    /// The stable code of a problem.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

impl Client {
    /// `base` is the address without a path: `http://127.0.0.1:8080`.
    #[must_use]
    pub fn new(base: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        Self {
            base: base.trim_end_matches('/').to_owned(),
            http,
            token: Arc::default(),
        }
    }

    /// The same API without a login.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self {
            token: Arc::default(),
            ..self.clone()
        }
    }

    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    #[must_use]
    pub fn token(&self) -> Option<String> {
        self.token
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub fn set_token(&self, token: Option<String>) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }

    /// A request to a path below `/api/v1`, with the login if there is one.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .http
            .request(method, format!("{}/api/v1{path}", self.base));
        match self.token() {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn try_get(&self, path: &str) -> Result<Answer, reqwest::Error> {
        Answer::read(self.request(Method::GET, path).send().await?).await
    }

    pub async fn try_post(&self, path: &str, body: &Value) -> Result<Answer, reqwest::Error> {
        Answer::read(self.request(Method::POST, path).json(body).send().await?).await
    }

    /// As [`Client::try_get`] where the server is expected to live.
    pub async fn get(&self, path: &str) -> Answer {
        self.try_get(path).await.unwrap()
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.try_post(path, &body).await.unwrap()
    }

    /// Under an `Idempotency-Key`.
    pub async fn post_once(&self, path: &str, key: &str, body: Value) -> Answer {
        let request = self.request(Method::POST, path).json(&body);
        let response = request.header("idempotency-key", key).send().await;
        Answer::read(response.unwrap()).await.unwrap()
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        let request = self.request(Method::PATCH, path).json(&body);
        Answer::read(request.send().await.unwrap()).await.unwrap()
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Answer::read(self.request(Method::DELETE, path).send().await.unwrap())
            .await
            .unwrap()
    }

    /// Makes an account and signs in. Answers the user.
    pub async fn register(&self, email: &str) -> Value {
        let body = json!({"email": email, "password": PASSWORD, "full_name": email});
        let user = self
            .anonymous()
            .post("/auth/register", body)
            .await
            .expect(201);
        self.login(email).await;
        user
    }

    /// Signs in and keeps the access token. Answers the whole login.
    pub async fn login(&self, email: &str) -> Value {
        self.try_login(email).await.unwrap().expect(200)
    }

    pub async fn try_login(&self, email: &str) -> Result<Answer, reqwest::Error> {
        let body = json!({"email": email, "password": PASSWORD});
        let answer = self.anonymous().try_post("/auth/login", &body).await?;
        if let Some(token) = answer.body["access_token"].as_str() {
            self.set_token(Some(token.to_owned()));
        }
        Ok(answer)
    }

    /// Sends and waits until the run ends.
    pub async fn send(&self, body: Value) -> Answer {
        self.post("/chat/messages", body).await
    }

    /// Sends; answered as soon as message and run are stored.
    pub async fn try_send_async(&self, body: &Value) -> Result<Answer, reqwest::Error> {
        let request = self.request(Method::POST, "/chat/messages").json(body);
        Answer::read(request.header("prefer", "respond-async").send().await?).await
    }

    /// Sends and reads the run's events. The answer instead where it is no stream.
    pub async fn try_send_stream(
        &self,
        body: &Value,
    ) -> Result<Result<EventStream, Answer>, reqwest::Error> {
        let request = self.request(Method::POST, "/chat/messages").json(body);
        let response = request.header("accept", "text/event-stream").send().await?;
        if response.status() == StatusCode::OK {
            Ok(Ok(EventStream::new(response)))
        } else {
            Ok(Err(Answer::read(response).await?))
        }
    }

    /// A stream of events, such as `/chat/runs/{id}/events?after=…`.
    pub async fn try_events(&self, path: &str) -> Result<EventStream, reqwest::Error> {
        let request = self
            .request(Method::GET, path)
            .header("accept", "text/event-stream");
        Ok(EventStream::new(request.send().await?.error_for_status()?))
    }

    /// All messages of the active branch, oldest first.
    pub async fn messages(&self, conversation_id: &str) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let before = all
                .first()
                .map(|m| format!("&before={}", m["id"]))
                .unwrap_or_default();
            let path = format!("/chat/conversations/{conversation_id}/messages?limit=200{before}");
            let page = self.get(&path).await.expect(200);
            let page = page.as_array().unwrap();
            let full = page.len() == 200;
            all.splice(0..0, page.iter().cloned());
            if !full {
                return all;
            }
        }
    }

    /// All conversations, newest activity first.
    pub async fn conversations(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for page in 1.. {
            let path = format!("/chat/conversations?page={page}&per_page=100");
            let body = self.get(&path).await.expect(200);
            all.extend(body["conversations"].as_array().unwrap().iter().cloned());
            if all.len() as u64 >= body["total"].as_u64().unwrap() {
                break;
            }
        }
        all
    }

    /// Opens the socket with a ticket, as the page does.
    pub async fn socket(&self, since: Option<&str>, watch: &[&str]) -> Socket {
        let url = self.socket_url(since, watch).await;
        Socket::connect(&url).await.unwrap()
    }

    /// Where [`Client::socket`] connects to; good for one connection.
    pub async fn socket_url(&self, since: Option<&str>, watch: &[&str]) -> String {
        let ticket = self.post("/chat/ws-ticket", json!({})).await.expect(200);
        let ticket = ticket["ticket"].as_str().unwrap();
        let mut url = format!("{}/api/v1/chat/ws?token={ticket}", self.base);
        if let Some(cursor) = since {
            url.push_str(&format!("&since={cursor}"));
        }
        if !watch.is_empty() {
            url.push_str(&format!("&watch={}", watch.join(",")));
        }
        url.replacen("http", "ws", 1)
    }
}
