//! A reader that takes what it is sent at so many bytes a second, or not at all.

use std::time::Duration;

use testkit::Client;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::client_async;

use crate::crowd::Present;

/// The operating system should hold little for it.
const RECEIVE_BUFFER: u32 = 4 * 1024;

/// Opens a socket that reads on from `since`, and takes `rate` bytes of it a second until it is
/// dropped; where the server closes it, another one.
pub async fn read(
    client: Client,
    conversation: String,
    since: String,
    rate: usize,
    present: Present,
) {
    let mut stream = open(&client, &conversation, &since).await;
    present.comes();
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut bytes = vec![0; rate.max(1)];
    loop {
        seconds.tick().await;
        if rate > 0 && !matches!(stream.read(&mut bytes).await, Ok(1..)) {
            // Told to come back: what a slow network's client does is connect again.
            stream = open(&client, &conversation, &since).await;
        }
    }
}

async fn open(client: &Client, conversation: &str, since: &str) -> TcpStream {
    let url = client.socket_url(Some(since), &[conversation]).await;
    let tcp = TcpSocket::new_v4().unwrap();
    tcp.set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
    let address = client.base().trim_start_matches("http://").parse().unwrap();
    let stream = tcp.connect(address).await.unwrap();
    let (socket, _) = client_async(url, stream).await.unwrap();
    // From here on only bytes are taken.
    socket.into_inner()
}
