//! What a service answered, as far as it is read.

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

/// Of a body, in bytes as they come: nothing is decompressed.
pub(crate) const BODY_BYTES: usize = 1_024 * 1_024;

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    content_type: String,
    encoding: Option<String>,
    body: Vec<u8>,
    /// There was more than [`BODY_BYTES`].
    cut: bool,
    /// The connection broke, or the time was over, within the body.
    broken: bool,
}

impl Reply {
    /// The status is an answer in itself: a body that breaks off or is too long takes nothing from
    /// what is known of the effect.
    pub(crate) async fn read(mut response: Response) -> Self {
        let header = |name| {
            let value = response.headers().get(name)?.to_str().ok()?;
            Some(value.to_ascii_lowercase())
        };
        let mut reply = Self {
            status: response.status(),
            content_type: header(CONTENT_TYPE).unwrap_or_default(),
            encoding: header(CONTENT_ENCODING).filter(|encoding| encoding != "identity"),
            body: Vec::new(),
            cut: false,
            broken: false,
        };
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    let free = BODY_BYTES - reply.body.len();
                    reply
                        .body
                        .extend_from_slice(&chunk[..chunk.len().min(free)]);
                    if chunk.len() > free {
                        reply.cut = true;
                        return reply;
                    }
                }
                Ok(None) => return reply,
                Err(_) => {
                    reply.broken = true;
                    return reply;
                }
            }
        }
    }

    /// `{status, body}`, the body as JSON where it is some, and what is wrong with it.
    pub(crate) fn into_value(self) -> Value {
        let mut value = json!({ "status": self.status.as_u16(), "body": self.body() });
        if self.cut {
            value["cut"] = json!(format!("the body is longer than {BODY_BYTES} bytes"));
        }
        if self.broken {
            value["cut"] = json!("the connection broke within the body");
        }
        value
    }

    fn body(&self) -> Value {
        if let Some(encoding) = &self.encoding {
            return json!(format!("(compressed, though not asked to: {encoding})"));
        }
        let whole = !self.cut && !self.broken;
        if whole && let Ok(value) = serde_json::from_slice::<Value>(&self.body) {
            return value;
        }
        let textual = self.content_type.is_empty()
            || ["text/", "json", "xml", "x-www-form-urlencoded"]
                .iter()
                .any(|kind| self.content_type.contains(kind));
        if !textual && std::str::from_utf8(&self.body).is_err() {
            return json!(format!(
                "({} bytes of {})",
                self.body.len(),
                self.content_type
            ));
        }
        json!(String::from_utf8_lossy(&self.body))
    }

    /// One line for an error, at most `max` bytes.
    pub(crate) fn words(&self, max: usize) -> String {
        let body = match self.body() {
            Value::String(text) => text,
            other => other.to_string(),
        };
        let line = body.split_whitespace().collect::<Vec<_>>().join(" ");
        shortened(&line, max)
    }
}

/// At most `max` bytes, and a sign that there was more.
pub(crate) fn shortened(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(max)])
}
