//! Server-sent events, read as the standard says (WHATWG HTML, 9.2.6).

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use reqwest::Response;
use serde_json::Value;

#[derive(Debug, Clone, PartialEq)]
pub struct ServerEvent {
    pub event: String,
    /// The cursor, for `Last-Event-ID`.
    pub id: Option<String>,
    pub data: Value,
}

/// Three times as long as the server goes without a word. A connection on which nothing comes for this
/// long has ended, whatever the system says.
const SILENCE: Duration = Duration::from_secs(45);

type Body = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;

/// The events of one response.
pub struct EventStream {
    body: Body,
    buffer: Vec<u8>,
    /// Of the last event that had one.
    pub last_id: Option<String>,
}

impl EventStream {
    #[must_use]
    pub fn new(response: Response) -> Self {
        Self {
            body: Box::pin(response.bytes_stream()),
            buffer: Vec::new(),
            last_id: None,
        }
    }

    /// The next event; `None` at the end, which may be silence; an error where the connection broke.
    /// Comments are skipped.
    pub async fn next(&mut self) -> Option<Result<ServerEvent, reqwest::Error>> {
        loop {
            while let Some(end) = self.buffer.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
                if let Some(event) = parse(&String::from_utf8_lossy(&block)) {
                    self.last_id = event.id.clone().or(self.last_id.take());
                    return Some(Ok(event));
                }
            }
            let bytes = tokio::time::timeout(SILENCE, self.body.next()).await;
            match bytes.ok().flatten()? {
                Ok(bytes) => self.buffer.extend_from_slice(&bytes),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

fn parse(block: &str) -> Option<ServerEvent> {
    let (mut event, mut id, mut data) = ("message".to_owned(), None, None::<String>);
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut event),
            "id" => id = Some(value.to_owned()),
            "data" => match &mut data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => data = Some(value.to_owned()),
            },
            _ => {}
        }
    }
    let data = serde_json::from_str(&data?).unwrap_or(Value::Null);
    Some(ServerEvent { event, id, data })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn comments_are_no_events() {
        assert_eq!(parse(": keep-alive\n\n"), None);
    }

    #[test]
    fn fields_make_an_event() {
        assert_eq!(
            parse("event: delta\nid: 1-2\ndata: {\"a\":\ndata: 1}\n\n"),
            Some(ServerEvent {
                event: "delta".into(),
                id: Some("1-2".into()),
                data: json!({"a": 1})
            })
        );
    }
}
