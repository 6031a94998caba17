//! Sabotage of the bounded queue: whatever a socket's client does not take is kept in memory.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::ws::{Message, WebSocket};
use domain::sabotage::{Mechanism, sabotaged};
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::stream::SplitSink;
use futures::{Sink, StreamExt};

/// The writing half of a socket, or an endless queue in front of it.
pub(super) enum Half {
    Socket(SplitSink<WebSocket, Message>),
    Queue(UnboundedSender<Message>),
}

#[expect(
    clippy::disallowed_methods,
    reason = "a task that nobody looks after is what this is"
)]
pub(super) fn half(sink: SplitSink<WebSocket, Message>) -> Half {
    if !sabotaged(Mechanism::BoundedQueue) {
        return Half::Socket(sink);
    }
    let (queue, waiting) = unbounded();
    tokio::spawn(waiting.map(Ok).forward(sink));
    Half::Queue(queue)
}

macro_rules! either {
    ($self:ident, $half:ident => $poll:expr) => {
        match $self.get_mut() {
            Half::Socket($half) => $poll,
            Half::Queue($half) => $poll.map_err(axum::Error::new),
        }
    };
}

impl Sink<Message> for Half {
    type Error = axum::Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        either!(self, half => Sink::poll_ready(Pin::new(half), cx))
    }

    fn start_send(self: Pin<&mut Self>, item: Message) -> Result<(), Self::Error> {
        either!(self, half => Sink::start_send(Pin::new(half), item))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        either!(self, half => Sink::poll_flush(Pin::new(half), cx))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        either!(self, half => Sink::poll_close(Pin::new(half), cx))
    }
}
