//! One request of one actor, and what came back as a stranger could compare it.

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;
use server::operations::Operation;

/// Everything of an answer that could tell a foreign thing from one that doesn't exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Outcome {
    /// Done, or (of the socket) let in.
    pub(super) fn succeeded(&self) -> bool {
        (200..300).contains(&self.status) || self.status == 101
    }

    pub(super) fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }
}

pub(super) struct Caller {
    http: reqwest::Client,
    base: String,
}

impl Caller {
    pub(super) fn new(base: &str) -> Self {
        Self {
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            base: base.to_owned(),
        }
    }

    /// `path` is whole, `token` goes into `Authorization`.
    pub(super) async fn call(
        &self,
        op: &Operation,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> Outcome {
        let method: Method = op.method.parse().unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if (op.resource, op.action) == ("socket", "open") {
            request = request
                .header("connection", "upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        } else if op.method != "GET" {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let streams = |headers: &HeaderMap| {
            let kind = headers
                .get(CONTENT_TYPE)
                .and_then(|kind| kind.to_str().ok());
            kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
        };
        let headers = plain(response.headers());
        // A stream that began has let the caller in; it may never end.
        let body = if status == 101 || streams(response.headers()) {
            String::new()
        } else {
            without_request_id(response.text().await.unwrap())
        };
        Outcome {
            status,
            headers,
            body,
        }
    }
}

fn plain(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut plain: Vec<_> = headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "x-request-id" | "date"))
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.to_string(), value)
        })
        .collect();
    plain.sort();
    plain
}

/// The bytes as they came, with the one thing blanked that differs between any two answers.
pub(super) fn without_request_id(text: String) -> String {
    let parsed: Value = serde_json::from_str(&text).unwrap_or_default();
    match parsed["request_id"].as_str() {
        Some(id) => text.replace(id, "-"),
        None => text,
    }
}
