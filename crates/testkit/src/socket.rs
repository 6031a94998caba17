//! A client of the WebSocket that follows its cursor.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

/// A silence that nothing explains: longer than a dead node's leases, and the looking around after
/// that, on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Socket {
    inner: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Position behind the last frame that named one: good for `since`.
    pub cursor: Option<String>,
}

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    Frame(Value),
    Closed(Option<(u16, String)>),
}

impl Socket {
    /// `url` with its query: `ws://127.0.0.1:8080/api/v1/chat/ws?token=…`.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let (inner, _) = connect_async(url).await?;
        Ok(Self {
            inner,
            cursor: None,
        })
    }

    /// Over a connection of one's own.
    pub async fn over(stream: TcpStream, url: &str) -> Result<Self, Error> {
        let (inner, _) = client_async(url, MaybeTlsStream::Plain(stream)).await?;
        Ok(Self {
            inner,
            cursor: None,
        })
    }

    /// Sends a frame.
    pub async fn send(&mut self, kind: &str, conversation_id: Option<&str>, data: Value) {
        let frame = json!({"type": kind, "data": data, "conversation_id": conversation_id});
        self.send_text(&frame.to_string()).await;
    }

    /// Sends anything, well-formed or not.
    pub async fn send_text(&mut self, text: &str) {
        self.try_send_text(text).await.unwrap();
    }

    /// As [`Socket::send_text`], where the other side may be gone.
    pub async fn try_send_text(&mut self, text: &str) -> Result<(), Error> {
        self.inner.send(Message::text(text)).await
    }

    /// The next frame, or how it closed.
    ///
    /// # Panics
    /// When nothing comes for [`PATIENCE`].
    pub async fn next(&mut self) -> Incoming {
        match tokio::time::timeout(PATIENCE, self.read()).await {
            Ok(incoming) => incoming,
            Err(_) => panic!("nothing came on the socket; cursor {:?}", self.cursor),
        }
    }

    /// The next frame that satisfies `wanted`; those before it are thrown away.
    ///
    /// # Panics
    /// When the socket closes before.
    pub async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            match self.next().await {
                Incoming::Frame(frame) if wanted(&frame) => return frame,
                Incoming::Frame(_) => {}
                Incoming::Closed(why) => panic!("the socket closed: {why:?}"),
            }
        }
    }

    /// The next frame of this type.
    pub async fn frame(&mut self, kind: &str) -> Value {
        self.until(|frame| frame["type"] == kind).await
    }

    async fn read(&mut self) -> Incoming {
        loop {
            match self.inner.next().await {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    let cursor = frame["cursor"]
                        .as_str()
                        .or(frame["data"]["cursor"].as_str());
                    if let Some(cursor) = cursor {
                        self.cursor = Some(cursor.to_owned());
                    }
                    return Incoming::Frame(frame);
                }
                Some(Ok(Message::Close(Some(CloseFrame { code, reason })))) => {
                    return Incoming::Closed(Some((code.into(), reason.to_string())));
                }
                Some(Ok(Message::Close(None)) | Err(_)) | None => return Incoming::Closed(None),
                Some(Ok(_)) => {}
            }
        }
    }

    /// Reads until the other side is gone, without looking at it: how many bytes were still under way.
    pub async fn left(self) -> usize {
        let MaybeTlsStream::Plain(mut stream) = self.inner.into_inner() else {
            panic!("only of a plain connection");
        };
        let (mut bytes, mut buffer) = (0, vec![0; 64 * 1024]);
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            bytes += read;
        }
        bytes
    }

    /// Cuts the connection without a word, as a lost network does. Answers the cursor.
    #[must_use]
    pub fn cut(self) -> Option<String> {
        self.cursor
    }
}
