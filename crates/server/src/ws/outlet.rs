//! The writing half of a socket.

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures::SinkExt;
use futures::stream::SplitSink;
use tokio::time::timeout;

use super::close::Closing;
use crate::feed::Follower;
use crate::limits::{LAST_WORDS, WS_SEND};
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
        while_live(follower, sending).await
    }

    pub(crate) async fn ping(&mut self, follower: &mut Follower) -> Result<(), Option<Closing>> {
        let ping = self.0.send(Message::Ping(Bytes::new()));
        while_live(follower, in_time(ping)).await
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
        let _ = timeout(LAST_WORDS, last).await;
    }
}

/// Sends; when the connection must end meanwhile, only what is half written goes out.
async fn while_live(
    follower: &mut Follower,
    sending: impl Future<Output = Result<(), Option<Closing>>>,
) -> Result<(), Option<Closing>> {
    tokio::pin!(sending);
    tokio::select! {
        biased;
        sent = &mut sending => sent,
        ending = follower.ended() => {
            let finished = timeout(LAST_WORDS, sending).await;
            if matches!(finished, Ok(Ok(()))) { Err(Some(ending.into())) } else { Err(GONE) }
        }
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
