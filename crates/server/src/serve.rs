//! The accept loop: HTTP/1 with limits on headers, connections and the time to stop.

mod watched;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::limits::{CONNECTIONS, GRACE, HEADER_BYTES, HEADER_READ, LAST_WORDS, WRITE_STALL};
use watched::Watched;

/// How long the server waits for whom.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For the headers of a request, and for the next request on an idle connection.
    pub header_read: Duration,
    /// For a client to take anything at all of what is written to it.
    pub write_stall: Duration,
    /// For answers in progress when the server stops.
    pub grace: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            header_read: HEADER_READ,
            write_stall: WRITE_STALL,
            grace: GRACE,
        }
    }
}

/// Ends a request's connection: for a client that takes nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hangup {
    now: CancellationToken,
    soon: CancellationToken,
}

impl Hangup {
    /// At once, whatever is unsent.
    pub(crate) fn now(&self) {
        self.now.cancel();
    }

    /// With the end of the answer in progress, and in any case after the time for last words: what
    /// was handed over may still stand before a client that takes none of it.
    pub(crate) fn soon(&self) {
        self.soon.cancel();
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Hangup {
    type Rejection = Infallible;

    /// Outside of [`serve`] there is no connection to end.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// Serves until `shutdown` is cancelled and answers in progress have ended, or the grace is over.
/// Sockets and streams are told by [`crate::ServerConfig::drain`], which is cancelled before.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
) -> io::Result<()> {
    serve_with(listener, router, shutdown, Timeouts::default()).await
}

pub async fn serve_with(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
    timeouts: Timeouts,
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let (stream, peer, place) = tokio::select! {
            accepted = accept(&listener, &places) => accepted?,
            () = shutdown.cancelled() => break,
        };
        connections.spawn(connection(
            stream,
            peer,
            router.clone(),
            shutdown.clone(),
            timeouts,
            place,
        ));
    }
    drop(listener);
    connections.close();
    if timeout(timeouts.grace, connections.wait()).await.is_err() {
        tracing::warn!("some answers were still in progress when the server stopped");
    }
    Ok(())
}

/// A place first: beyond the limit, connections wait in the kernel's queue.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return Ok((stream, peer, place)),
            // Out of file descriptors, or a connection that ended before it was taken.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    shutdown: CancellationToken,
    timeouts: Timeouts,
    place: OwnedSemaphorePermit,
) {
    let _place = place;
    // Tokens are small and must not wait for company.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let hangup = Hangup::default();
    let Hangup { now: hung_up, soon } = hangup.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(hangup.clone());
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.header_read)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(
            TokioIo::new(Watched::new(stream, timeouts.write_stall)),
            service,
        )
        .with_upgrades();
    let mut connection = pin!(connection);
    let serving = async {
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = shutdown.cancelled() => {
                // Finishes the answer in progress and takes no further request.
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            () = soon.cancelled() => {
                connection.as_mut().graceful_shutdown();
                timeout(LAST_WORDS, connection).await.unwrap_or(Ok(()))
            }
        }
    };
    if let Some(Err(error)) = hung_up.run_until_cancelled(serving).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
