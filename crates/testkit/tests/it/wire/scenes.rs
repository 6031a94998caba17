//! What one account sees of what happened since it looked last, read from the log.

use serde_json::{Value, json};
use testkit::{Client, Incoming};

pub struct Scene {
    pub user: Client,
    pub conversation: String,
    since: String,
    seen: usize,
}

impl Scene {
    /// A user with an empty conversation that has a title, so that none is made for it later.
    pub async fn begin(user: Client) -> Self {
        let mut socket = user.socket(None, &[]).await;
        let ready = socket.frame("connection").await;
        let body = json!({ "title": "Golden" });
        let made = user.post("/chat/conversations", body).await.expect(201);
        Self {
            conversation: made["conversation_id"].as_str().unwrap().to_owned(),
            since: ready["data"]["cursor"].as_str().unwrap().to_owned(),
            user,
            seen: 0,
        }
    }

    /// Sends to the conversation and waits until the run ends or asks.
    pub async fn send(&self, content: &str) -> Value {
        self.user.send(self.body(content)).await.expect(200)
    }

    /// Sends without waiting.
    pub async fn begin_run(&self, content: &str) -> Value {
        let body = self.body(content);
        self.user.try_send_async(&body).await.unwrap().expect(202)
    }

    pub fn body(&self, content: &str) -> Value {
        json!({ "content": content, "conversation_id": self.conversation })
    }

    /// Everything since the last call, in order, up to a todo made now. The deltas of one text are
    /// put together: how they are cut is a matter of time.
    pub async fn news(&mut self) -> Vec<Value> {
        self.seen += 1;
        let title = format!("seen {}", self.seen);
        let end = self
            .user
            .post("/todos", json!({ "title": title }))
            .await
            .expect(201);
        let mut socket = self
            .user
            .socket(Some(&self.since), &[&self.conversation])
            .await;
        let mut frames: Vec<Value> = Vec::new();
        loop {
            let frame = match socket.next().await {
                Incoming::Frame(frame) => frame,
                Incoming::Closed(why) => panic!("closed: {why:?}"),
            };
            if frame["type"] == "todo" && frame["data"]["id"] == end["id"] {
                self.since = frame["cursor"].as_str().unwrap().to_owned();
                return frames;
            }
            if frame["type"] == "connection" {
                continue;
            }
            match frames.last_mut() {
                Some(last) if same_text(last, &frame) => {
                    let text = format!("{}{}", text(last), text(&frame));
                    last["data"]["text"] = json!(text);
                    last["cursor"] = frame["cursor"].clone();
                }
                _ => frames.push(frame),
            }
        }
    }
}

fn text(delta: &Value) -> &str {
    delta["data"]["text"].as_str().unwrap()
}

fn same_text(a: &Value, b: &Value) -> bool {
    let of = |frame: &Value| {
        let data = &frame["data"];
        let text = ["message_id", "revision", "channel"].map(|name| data[name].clone());
        (frame["type"] == "delta").then_some(text)
    };
    of(a).is_some() && of(a) == of(b)
}
