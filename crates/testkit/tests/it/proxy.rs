//! The cutting proxy does what its plan says, to the byte.

use std::io::ErrorKind;
use std::time::Duration;

use testkit::proxy::{Cut, Direction, Plan};
use testkit::{CuttingProxy, Port};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Both ends of a connection through the proxy.
async fn pair(plan: Plan) -> (CuttingProxy, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = CuttingProxy::start(&listener.local_addr().unwrap().to_string()).await;
    proxy.next(plan);
    let address = proxy.url().replace("http://", "");
    let client = TcpStream::connect(address).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (proxy, client, server)
}

async fn read(stream: &mut TcpStream, bytes: usize) -> Vec<u8> {
    let mut buffer = vec![0; bytes];
    let read = stream.read_exact(&mut buffer);
    timeout(Duration::from_secs(10), read)
        .await
        .unwrap()
        .unwrap();
    buffer
}

/// Nothing can be read now, and nothing has ended.
fn is_silent(stream: &TcpStream) -> bool {
    let mut buffer = [0; 1];
    stream
        .try_read(&mut buffer)
        .is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[tokio::test]
async fn without_a_plan_everything_passes() {
    let (proxy, mut client, mut server) = pair(Plan::default()).await;
    client.write_all(b"question").await.unwrap();
    assert_eq!(read(&mut server, 8).await, b"question");
    server.write_all(b"answer").await.unwrap();
    drop(server);
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"answer");
    assert_eq!(
        (
            proxy.passed(Direction::ToServer),
            proxy.passed(Direction::ToClient)
        ),
        (8, 6)
    );
    assert_eq!((proxy.connections(), proxy.cuts()), (1, 0));
}

#[tokio::test]
async fn a_reset_breaks_both_sides_after_the_byte() {
    let plan = Plan::default().at(Direction::ToClient, 5, Cut::Reset);
    let (proxy, mut client, mut server) = pair(plan).await;
    server.write_all(b"12345678").await.unwrap();
    let mut rest = Vec::new();
    let error = client.read_to_end(&mut rest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(b"12345".starts_with(&rest), "{rest:?}");
    let error = server.read_to_end(&mut rest).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!((proxy.passed(Direction::ToClient), proxy.cuts()), (5, 1));
}

#[tokio::test]
async fn a_half_close_ends_one_direction_only() {
    let plan = Plan::default().at(Direction::ToClient, 3, Cut::HalfClose);
    let (proxy, mut client, mut server) = pair(plan).await;
    server.write_all(b"12345").await.unwrap();
    let mut got = Vec::new();
    client.read_to_end(&mut got).await.unwrap();
    assert_eq!(got, b"123");
    client.write_all(b"still").await.unwrap();
    assert_eq!(read(&mut server, 5).await, b"still");
    assert_eq!(proxy.passed(Direction::ToClient), 3);
}

#[tokio::test]
async fn a_stall_holds_until_it_is_resumed() {
    let plan = Plan::default().at(Direction::ToServer, 2, Cut::Stall).at(
        Direction::ToServer,
        4,
        Cut::Stall,
    );
    let (proxy, mut client, mut server) = pair(plan).await;
    client.write_all(b"123456").await.unwrap();
    assert_eq!(read(&mut server, 2).await, b"12");
    server.write_all(b"ok").await.unwrap();
    assert_eq!(read(&mut client, 2).await, b"ok");
    assert!(is_silent(&server));
    until(|| proxy.cuts() == 1).await;
    proxy.resume();
    assert_eq!(read(&mut server, 2).await, b"34");
    until(|| proxy.cuts() == 2).await;
    assert!(is_silent(&server));
    proxy.resume();
    assert_eq!(read(&mut server, 2).await, b"56");
}

#[tokio::test]
async fn a_server_that_is_away_looks_like_a_break() {
    let nobody = Port::take();
    let proxy = CuttingProxy::start(&nobody.address.to_string()).await;
    let address = proxy.url().replace("http://", "");
    let mut client = TcpStream::connect(address).await.unwrap();
    let error = client.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

async fn until(condition: impl Fn() -> bool) {
    timeout(Duration::from_secs(10), async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}
