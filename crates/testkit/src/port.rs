//! Ports of loopback that nobody else is given while nobody listens on them.
//!
//! For Linux, where a socket that only is bound, with `SO_REUSEADDR` on both, leaves its address to one
//! that listens. Elsewhere the server may be refused it.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// One of them, as long as this lives: a socket is bound to it. It does not listen, so that whoever
/// connects is refused, and a server of the same address may.
pub struct Port {
    pub address: SocketAddr,
    _held: TcpSocket,
}

impl Port {
    /// A free one.
    #[must_use]
    pub fn take() -> Self {
        let held = TcpSocket::new_v4().unwrap();
        held.set_reuseaddr(true).unwrap();
        held.bind(([127, 0, 0, 1], 0).into()).unwrap();
        Self {
            address: held.local_addr().unwrap(),
            _held: held,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpStream};

    use super::Port;

    #[tokio::test]
    async fn it_refuses_connections_until_a_server_takes_it_and_afterwards_again() {
        let port = Port::take();
        for _ in 0..2 {
            assert!(TcpStream::connect(port.address).await.is_err());
            let server = TcpListener::bind(port.address).await.unwrap();
            TcpStream::connect(port.address).await.unwrap();
            drop(server);
        }
    }
}
