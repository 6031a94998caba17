//! The accept loop.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use server::{Timeouts, serve_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

struct Server {
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

async fn start(router: Router, header_read: Duration) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
    let stop = shutdown.clone();
    let timeouts = Timeouts {
        header_read,
        write_stall: Duration::from_millis(200),
        grace: Duration::from_secs(5),
    };
    tasks.spawn(async move { serve_with(listener, router, stop, timeouts).await.unwrap() });
    Server {
        address,
        shutdown,
        tasks,
    }
}

#[tokio::test]
async fn headers_that_never_end_end_the_connection() {
    let server = start(Router::new(), Duration::from_millis(200)).await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), slow.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "the connection is still open");
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), idle.read_to_end(&mut answer)).await;
    assert!(
        ended.is_ok(),
        "a connection without a request is still open"
    );
}

#[tokio::test]
async fn headers_have_a_size() {
    let server = start(Router::new(), Duration::from_secs(10)).await;
    let mut large = TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
        "a".repeat(200 * 1024)
    );
    // The server may close while this is still being written.
    let _ = large.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = large.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer);
    assert!(
        text.is_empty() || text.starts_with("HTTP/1.1 431"),
        "{text}"
    );
}

/// Says when it is no longer held.
struct Large(Vec<u8>, CancellationToken);

impl AsRef<[u8]> for Large {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        self.1.cancel();
    }
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_let_go() {
    let dropped = CancellationToken::new();
    let seen = dropped.clone();
    let answer = move || async move {
        let large = Large(vec![b'x'; 16 * 1024 * 1024], seen);
        axum::body::Bytes::from_owner(large)
    };
    let router = Router::new().route("/", get(answer));
    let server = start(router, Duration::from_secs(10)).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let let_go = tokio::time::timeout(Duration::from_secs(20), dropped.cancelled()).await;
    assert!(let_go.is_ok(), "the answer is still held");
    let mut taken = Vec::new();
    // Cut, and not ended as if that were all.
    let _ = client.read_to_end(&mut taken).await;
    assert!(taken.len() < 16 * 1024 * 1024, "{} bytes", taken.len());
}

#[tokio::test]
async fn an_answer_in_progress_is_finished_before_the_server_stops() {
    let (begun, gate) = (CancellationToken::new(), CancellationToken::new());
    let (handler_begun, handler_gate) = (begun.clone(), gate.clone());
    let router = Router::new().route(
        "/",
        get(|| async move {
            handler_begun.cancel();
            handler_gate.cancelled().await;
            "done"
        }),
    );
    let server = start(router, Duration::from_secs(10)).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    begun.cancelled().await;
    server.shutdown.cancel();
    gate.cancel();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"),
        "{answer}"
    );
    server.tasks.close();
    server.tasks.wait().await;
}
