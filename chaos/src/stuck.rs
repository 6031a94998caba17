//! Clients that open a stream and then take nothing from it, while megabytes wait for them.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::rig;

/// Bytes that the kernel holds for such a client. The server's half grows by itself, up to 4 MiB.
const WINDOW: u32 = 4 * 1024;

/// A connection with a tiny window.
pub struct Stuck(TcpStream);

impl Stuck {
    /// On server-sent events of the feed after `since`.
    pub async fn reading_events(client: &Client, since: &str, watch: &str) -> Self {
        let path = format!("/api/v1/chat/sync?since={since}&watch={watch}");
        Self::begin(client, &path, "accept: text/event-stream\r\n", b" 200 ").await
    }

    /// On the socket, after `since`.
    pub async fn reading_socket(client: &Client, since: &str, watch: &str) -> Self {
        let path = format!("/api/v1/chat/ws?since={since}&watch={watch}");
        let upgrade = "upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        Self::begin(client, &path, upgrade, b" 101 ").await
    }

    /// Half a request, and then nothing more.
    pub async fn sending(client: &Client) -> Self {
        let mut stream = connect(client).await;
        let token = client.token().unwrap();
        let head = format!(
            "POST /api/v1/chat/messages HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: 100\r\n\r\n{{\"con",
            rig::host(client.base())
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        Self(stream)
    }

    async fn begin(client: &Client, path: &str, headers: &str, accepted: &[u8]) -> Self {
        let mut stream = connect(client).await;
        let token = client.token().unwrap();
        let host = rig::host(client.base());
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut status = [0; 13];
        stream.read_exact(&mut status).await.unwrap();
        assert_eq!(
            &status[8..13],
            accepted,
            "{}",
            String::from_utf8_lossy(&status)
        );
        Self(stream)
    }

    /// Reads until the server is gone, without looking at it: how many bytes were still under way.
    pub async fn left(mut self) -> usize {
        let (mut bytes, mut buffer) = (0, vec![0; 64 * 1024]);
        while let Ok(read @ 1..) = self.0.read(&mut buffer).await {
            bytes += read;
        }
        bytes
    }

    /// When the server had let go of it; `None` when it has not within `limit`.
    pub async fn ended(self, limit: Duration) -> Option<Instant> {
        let over = async {
            loop {
                if let Some(at) = self.is_over() {
                    return at;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(limit, over).await.ok()
    }

    /// The server has let go of the connection. Asked of the kernel: its FIN may stand behind bytes
    /// that nobody reads.
    fn is_over(&self) -> Option<Instant> {
        let (client, server) = (self.0.local_addr().unwrap(), self.0.peer_addr().unwrap());
        (!server_side_is_open(client.port(), server.port())).then(Instant::now)
    }
}

/// Whether a process still holds the other end: its line in `/proc/net/tcp` has an inode. An end that
/// only the kernel keeps, to send what is left, has none.
fn server_side_is_open(client: u16, server: u16) -> bool {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().skip(1).any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let port = |address: &str| u16::from_str_radix(address.rsplit(':').next().unwrap(), 16);
        port(fields[1]) == Ok(server) && port(fields[2]) == Ok(client) && fields[9] != "0"
    })
}

async fn connect(client: &Client) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(WINDOW).unwrap();
    let address = rig::host(client.base()).parse().unwrap();
    socket.connect(address).await.unwrap()
}

/// Puts more into the feed than all kernel buffers on the way can hold.
pub async fn fill(client: &Client, conversation: &str) {
    for _ in 0..5 {
        let body = json!({
            "content": "[[script: tokens=900 pad=1000]]", "conversation_id": conversation});
        client.send(body).await.expect(200);
    }
}
