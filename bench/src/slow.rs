//! A reader that takes what it is sent at so many bytes a second, or not at all.

use std::time::Duration;

use testkit::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::client_async;

use crate::crowd::Present;

/// The operating system should hold little for it.
const RECEIVE_BUFFER: u32 = 4 * 1024;

/// What it reads over.
#[derive(Clone, Copy)]
pub enum Via {
    Socket,
    /// The feed as server-sent events.
    Events,
}

/// Opens a connection that reads on from `since`, and takes `rate` bytes of it a second until it is
/// dropped; where the server closes it, another one.
pub async fn read(
    client: Client,
    via: Via,
    conversation: String,
    since: String,
    rate: usize,
    present: Present,
) {
    let mut stream = open(&client, via, &conversation, &since).await;
    present.comes();
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut bytes = vec![0; rate.max(1)];
    loop {
        seconds.tick().await;
        if rate > 0 && !matches!(stream.read(&mut bytes).await, Ok(1..)) {
            // Told to come back: what a slow network's client does is connect again.
            stream = open(&client, via, &conversation, &since).await;
        }
    }
}

/// From here on only bytes are taken.
async fn open(client: &Client, via: Via, conversation: &str, since: &str) -> TcpStream {
    let tcp = TcpSocket::new_v4().unwrap();
    tcp.set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
    let host = client.base().trim_start_matches("http://");
    let mut stream = tcp.connect(host.parse().unwrap()).await.unwrap();
    match via {
        Via::Socket => {
            let url = client.socket_url(Some(since), &[conversation]).await;
            let (socket, _) = client_async(url, stream).await.unwrap();
            socket.into_inner()
        }
        Via::Events => {
            let token = client.token().unwrap();
            let request = format!(
                "GET /api/v1/chat/sync?since={since}&watch={conversation} HTTP/1.1\r\nhost: {host}\r\n\
                 authorization: Bearer {token}\r\naccept: text/event-stream\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut status = [0; 12];
            stream.read_exact(&mut status).await.unwrap();
            assert_eq!(&status, b"HTTP/1.1 200");
            stream
        }
    }
}
