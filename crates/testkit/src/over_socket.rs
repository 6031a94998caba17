//! Sending over a socket, for clients that are answered the same in any form.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use crate::client::{Answer, Client};
use crate::socket::{Incoming, Socket};

impl Client {
    /// Sends over a socket of its own: answered as by [`Client::try_send_async`], with what its `ack`
    /// says, or the `error` about it. An error where nobody knows whether it was taken.
    pub async fn try_send_socket(&self, body: &Value) -> Result<Answer, String> {
        let token = self.token().unwrap_or_default();
        let url = format!("{}/api/v1/chat/ws?token={token}", self.base());
        let mut socket = match Socket::connect(&url.replacen("http", "ws", 1)).await {
            Ok(socket) => socket,
            // No upgrade: an ordinary answer.
            Err(Error::Http(refused)) => {
                let bytes = refused.body().as_deref().unwrap_or_default();
                let body = serde_json::from_slice(bytes).unwrap_or(Value::Null);
                return Ok(answer(refused.status(), body));
            }
            Err(error) => return Err(error.to_string()),
        };
        let mut data = body.clone();
        let conversation = data["conversation_id"].take();
        let frame = json!({"type": "message", "data": data, "conversation_id": conversation});
        let sent = socket.try_send_text(&frame.to_string()).await;
        sent.map_err(|error| error.to_string())?;
        loop {
            let mut frame = match socket.next().await {
                Incoming::Frame(frame) => frame,
                Incoming::Closed(why) => return Err(format!("the socket closed: {why:?}")),
            };
            let mut data = frame["data"].take();
            let about = &data["client_message_id"];
            let mine = *about == body["client_message_id"];
            match frame["type"].as_str() {
                Some("ack") if mine => {
                    let message = data["message"].take();
                    data["user_message"] = message;
                    return Ok(answer(StatusCode::ACCEPTED, data));
                }
                // About nothing: the socket itself is refused, before it read anything.
                Some("error") if mine || about.is_null() => {
                    let status = data["status"].as_u64().unwrap_or_default();
                    let status = u16::try_from(status).unwrap_or_default();
                    let status = StatusCode::from_u16(status).map_err(|e| e.to_string())?;
                    return Ok(answer(status, data));
                }
                _ => {}
            }
        }
    }
}

fn answer(status: StatusCode, body: Value) -> Answer {
    Answer {
        status,
        headers: HeaderMap::new(),
        body,
    }
}
