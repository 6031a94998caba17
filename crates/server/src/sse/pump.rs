//! From a source of frames into a response, one frame at a time.

use std::pin::pin;

use futures::FutureExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::feed::Ending;
use crate::limits::{LAST_WORDS, WS_SEND};
use crate::serve::Hangup;
use crate::wire::frame::Frame;

/// Where a stream's frames come from.
pub(crate) trait Frames: Send + 'static {
    /// `None` at the end.
    fn next(&mut self) -> impl Future<Output = Option<Frame>> + Send;
    /// Waits until the stream must end.
    fn ended(&mut self) -> impl Future<Output = Ending> + Send;
}

/// Waits on the client, never in a queue. One that takes nothing loses its connection: after 30 s, or
/// soon where the stream must end anyway. It may come back with its cursor.
pub(super) async fn run<F: Frames>(mut frames: F, sender: mpsc::Sender<Frame>, hangup: Hangup) {
    let mut ends_at = None;
    loop {
        let frame = tokio::select! {
            frame = frames.next() => frame,
            () = sender.closed() => return,
        };
        let Some(frame) = frame else { break };
        let mut sending = pin!(sender.send(frame));
        let until = ends_at.unwrap_or_else(|| Instant::now() + WS_SEND);
        let taken = tokio::select! {
            biased;
            taken = timeout_at(until, &mut sending) => taken,
            _ = frames.ended(), if ends_at.is_none() => {
                let until = Instant::now() + LAST_WORDS;
                ends_at = Some(until);
                timeout_at(until, sending).await
            }
        };
        match taken {
            Ok(Ok(())) => {}
            // It has gone.
            Ok(Err(_)) => return,
            Err(_) => return hangup.now(),
        }
    }
    // The last frame is still to be taken; the response ends by itself then.
    let ending = ends_at.is_some() || frames.ended().now_or_never().is_some();
    let patience = if ending { LAST_WORDS } else { WS_SEND };
    let until = ends_at.unwrap_or_else(|| Instant::now() + patience);
    let all = sender.max_capacity();
    if timeout_at(until, sender.reserve_many(all)).await.is_err() {
        hangup.now();
    } else if ending {
        // Taken by the connection, not yet by the client, who may be waited for no longer.
        hangup.soon();
    }
}
