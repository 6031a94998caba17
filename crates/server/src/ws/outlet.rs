//! The writing half of a socket.

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures::SinkExt;
use futures::stream::SplitSink;
use tokio::time::timeout;

use super::close::Closing;
use crate::feed::Follower;
use crate::limits::WS_SEND;
use crate::wire::frame::Frame;

/// Waits on the socket, never in a queue: a slow reader holds up its own connection only.
pub(crate) struct Outlet(Half);

#[cfg(not(feature = "sabotage"))]
type Half = SplitSink<WebSocket, Message>;
#[cfg(feature = "sabotage")]
type Half = super::backlog::Half;

/// The other side has gone; there is nobody to tell.
pub(crate) const GONE: Option<Closing> = None;

impl Outlet {
    pub(crate) fn new(sink: SplitSink<WebSocket, Message>) -> Self {
        #[cfg(feature = "sabotage")]
        let sink = super::backlog::half(sink);
        Self(sink)
    }

    /// Sends frames in order. `Err`: the connection must end, and how. While the client takes its
    /// time, the login is watched all the same.
    pub(crate) async fn send(
        &mut self,
        follower: &mut Follower,
        frames: &[Frame],
    ) -> Result<(), Option<Closing>> {
        let sink = &mut self.0;
        let sending = async {
            for frame in frames {
                in_time(sink.feed(Message::Text(frame.text().into()))).await?;
            }
            in_time(sink.flush()).await
        };
        tokio::pin!(sending);
        tokio::select! {
            biased;
            sent = &mut sending => sent,
            ending = follower.ended() => {
                // A frame may be half written: what is left of it goes first.
                let finished = timeout(CLOSE, sending).await;
                if matches!(finished, Ok(Ok(()))) { Err(Some(ending.into())) } else { Err(GONE) }
            }
        }
    }

    pub(crate) async fn ping(&mut self) -> Result<(), Option<Closing>> {
        in_time(self.0.send(Message::Ping(Bytes::new()))).await
    }

    /// Last words and the close frame, as far as the client takes them.
    pub(crate) async fn close(mut self, frames: &[Frame], closing: Closing) {
        let Closing { code, reason } = closing;
        let close = Message::Close(Some(CloseFrame {
            code,
            reason: reason.into(),
        }));
        let last = async {
            for frame in frames {
                self.0.feed(Message::Text(frame.text().into())).await?;
            }
            self.0.send(close).await
        };
        // Whoever doesn't take them finds the connection gone.
        let _ = timeout(CLOSE, last).await;
    }
}

async fn in_time(
    step: impl Future<Output = Result<(), axum::Error>>,
) -> Result<(), Option<Closing>> {
    match timeout(WS_SEND, step).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(GONE),
        Err(_) => Err(Some(Closing::TOO_SLOW)),
    }
}

/// How long a closing socket waits for its client.
pub(crate) const CLOSE: std::time::Duration = std::time::Duration::from_secs(2);
