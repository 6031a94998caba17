//! A narrow way to a server, for a client that can't be made to take nothing by itself: what comes back
//! waits with the server until the way is opened.

use testkit::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::rig;

/// Bytes that the system holds on the server's side of it. Not so few that whoever reads on when it is
/// open waits for the system's timers.
const WINDOW: u32 = 64 * 1024;

/// Dropping it breaks the connections that go through it.
pub struct Strait {
    url: String,
    open: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

impl Strait {
    /// To the server at this address, such as `http://127.0.0.1:8080`.
    pub async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let open = watch::Sender::new(false);
        let (server, gate) = (rig::host(server).to_owned(), open.subscribe());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut ways = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                ways.spawn(way(client, server.clone(), gate.clone()));
            }
        });
        Self {
            url,
            open,
            _tasks: tasks,
        }
    }

    /// The same login, this way.
    #[must_use]
    pub fn client(&self, of: &Client) -> Client {
        let client = Client::new(&self.url);
        client.set_token(of.token());
        client
    }

    /// From now on everything passes.
    pub fn open(&self) {
        self.open.send_replace(true);
    }
}

async fn way(client: TcpStream, server: String, mut gate: watch::Receiver<bool>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(WINDOW).unwrap();
    let server = socket.connect(server.parse().unwrap()).await.unwrap();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut from_client, mut to_client) = client.into_split();
    let back = async {
        // The answer's head, so that the client knows that it has been heard.
        let mut head = [0; 1024];
        let read = from_server.read(&mut head).await.unwrap_or_default();
        to_client.write_all(&head[..read]).await?;
        if gate.wait_for(|open| *open).await.is_ok() {
            copy(&mut from_server, &mut to_client).await?;
        }
        to_client.shutdown().await
    };
    // Whoever breaks off first ends both; the client never does while it reads.
    tokio::select! {
        _ = back => {}
        _ = copy(&mut from_client, &mut to_server) => {}
    }
}
