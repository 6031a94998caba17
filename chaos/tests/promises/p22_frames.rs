//! P22 over the socket: frames that break the protocol, frames that break its limits, and every type
//! of the list with data that nobody means well with.

use std::time::Duration;

use chaos::database::Kind;
use chaos::raw::Raw;
use serde_json::{Value, json};
use testkit::operations::OPERATIONS;
use testkit::{Client, Incoming, Socket};

use crate::p22_siege::Siege;

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const FIN: u8 = 0x80;

/// A frame as RFC 6455 writes it, masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend(u64::try_from(length).unwrap().to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

async fn opened(url: &str, client: &Client) -> Raw {
    let mut raw = Raw::connect(url).await;
    let request = format!(
        "GET /api/v1/chat/ws HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\
         Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        client.token().unwrap()
    );
    raw.send(request.as_bytes()).await;
    raw
}

/// The close code at the end of what the server sent; `None`: it hung up without one.
fn close_code(mut bytes: &[u8]) -> Option<u16> {
    let head = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    assert!(
        bytes.starts_with(b"HTTP/1.1 101"),
        "{}",
        String::from_utf8_lossy(&bytes[..head])
    );
    bytes = &bytes[head + 4..];
    while let [first, length, rest @ ..] = bytes {
        let (length, rest) = match *length {
            126 => (
                usize::from(u16::from_be_bytes([rest[0], rest[1]])),
                &rest[2..],
            ),
            127 => panic!("a frame beyond 64 KiB"),
            short => (usize::from(short), rest),
        };
        if first & 0x0f == CLOSE {
            return Some(u16::from_be_bytes([rest[0], rest[1]]));
        }
        bytes = &rest[length..];
    }
    None
}

/// Name, bytes, and the close codes that may answer them.
type Attack = (&'static str, Vec<u8>, &'static [Option<u16>]);

fn attacks() -> Vec<Attack> {
    let text = br#"{"type":"ping","data":{}}"#;
    let unmasked = [&[FIN | TEXT, 25][..], text].concat();
    let claims = |length: u64| [&[FIN | TEXT, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat();
    let endless = {
        let mut bytes = frame(TEXT, &[b' '; 1_000]);
        (0..100).for_each(|_| bytes.extend(frame(0, &[b' '; 1_000])));
        bytes
    };
    let broken: &[Option<u16>] = &[None, Some(1002), Some(1007)];
    vec![
        ("a frame without a mask", unmasked, broken),
        ("a reserved opcode", frame(FIN | 3, text), broken),
        ("a reserved control opcode", frame(FIN | 11, b""), broken),
        ("reserved bits", frame(FIN | 0x70 | TEXT, text), broken),
        ("a control frame in pieces", frame(PING, b""), broken),
        (
            "a ping of 126 bytes",
            frame(FIN | PING, &[b'x'; 126]),
            broken,
        ),
        ("a piece of nothing", frame(FIN, text), broken),
        (
            "a text inside a text",
            [frame(TEXT, b"{"), frame(FIN | TEXT, text)].concat(),
            broken,
        ),
        ("no UTF-8", frame(FIN | TEXT, b"\xff\xfe"), broken),
        ("half a character", frame(FIN | TEXT, b"\xf0\x9f"), broken),
        (
            "a length of 2^63",
            claims(1 << 63),
            &[None, Some(1002), Some(1009)],
        ),
        ("a length of 2^40", claims(1 << 40), &[None, Some(1009)]),
        ("a close of one byte", frame(FIN | CLOSE, b"x"), broken),
        (
            "a close code of nobody",
            frame(FIN | CLOSE, &[0, 0]),
            broken,
        ),
        (
            "a close without reason",
            frame(FIN | CLOSE, b""),
            &[None, Some(1000), Some(1005)],
        ),
        (
            "a close with a code",
            frame(FIN | CLOSE, &1000_u16.to_be_bytes()),
            &[None, Some(1000)],
        ),
        ("bytes", frame(FIN | BINARY, text), &[Some(1003)]),
        (
            "a text beyond 64 KiB",
            frame(FIN | TEXT, &[b' '; 64 * 1024 + 1]),
            &[Some(1009)],
        ),
        ("a text beyond 64 KiB in pieces", endless, &[Some(1009)]),
        (
            "1,000 pings",
            frame(FIN | PING, b"x").repeat(1_000),
            &[Some(4429)],
        ),
        (
            "1,000 pongs",
            frame(FIN | 10, b"x").repeat(1_000),
            &[Some(4429)],
        ),
        (
            "1,000 texts",
            frame(FIN | TEXT, text).repeat(1_000),
            &[Some(4429)],
        ),
        ("no WebSocket at all", vec![0xff; 10_000], broken),
        (
            "HTTP again",
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            broken,
        ),
    ]
}

async fn a_socket_that_breaks_the_protocol_is_closed(kind: Kind) {
    let siege = Siege::begin(kind).await;
    let attacker = siege.account("attacker").await;
    let attacks = attacks();
    for (name, bytes, expected) in &attacks {
        let mut raw = opened(&siege.server.url, &attacker).await;
        raw.send(bytes).await;
        let (seen, closed) = raw.bytes(Duration::from_secs(30)).await;
        assert!(closed, "still open after {name}");
        let code = close_code(&seen);
        assert!(expected.contains(&code), "{name}: closed with {code:?}");
    }
    siege
        .end(&format!("{} ways to break a socket", attacks.len()))
        .await;
}

async fn a_thousand_sockets_of_one_user_are_twenty(kind: Kind) {
    let siege = Siege::begin(kind).await;
    let attacker = siege.account("attacker").await;
    let token = attacker.token().unwrap();
    let url =
        format!("{}/api/v1/chat/ws?token={token}", siege.server.url).replacen("http", "ws", 1);
    let (mut open, mut refused) = (Vec::new(), 0);
    for _ in 0..1_000 {
        let mut socket = Socket::connect(&url).await.unwrap();
        match socket.next().await {
            Incoming::Frame(first) if first["type"] == "connection" => open.push(socket),
            Incoming::Frame(first) => {
                assert_eq!(first["data"]["code"], "too_many_sockets", "{first}");
                let closed = socket.next().await;
                assert!(
                    matches!(&closed, Incoming::Closed(Some((4429, _)))),
                    "{closed:?}"
                );
                refused += 1;
            }
            closed => panic!("{closed:?}"),
        }
    }
    assert_eq!((open.len(), refused), (20, 980));
    siege.serves().await;
    drop(open);
    // Its places come back.
    loop {
        let mut socket = Socket::connect(&url).await.unwrap();
        if let Incoming::Frame(first) = socket.next().await
            && first["type"] == "connection"
        {
            break;
        }
        tokio::task::yield_now().await;
    }
    siege
        .end("1,000 sockets of one user: 20 open, 980 refused")
        .await;
}

/// Data for every type of frame.
fn data() -> Vec<Value> {
    let long = "x".repeat(60_000);
    let mut all = vec![
        Value::Null,
        json!([]),
        json!("x"),
        json!({ "content": "\0", "client_message_id": "x" }),
        json!({ "content": long }),
        json!({ "run_id": -1, "approval_id": {}, "call_id": [], "token": 1e300, "state": null }),
        json!({ "run_id": "\u{202e}", "decision": "\0", "arguments_hash": "", "state": "\0" }),
    ];
    for name in [
        "content",
        "client_message_id",
        "run_id",
        "approval_id",
        "call_id",
        "token",
        "state",
        "decision",
    ] {
        for value in [
            json!(null),
            json!(""),
            json!("\0"),
            json!(i64::MIN),
            json!([[]]),
            json!("' OR 1=1"),
        ] {
            all.push(json!({ name: value }));
        }
    }
    all
}

async fn every_frame_with_hostile_data_is_answered_or_ignored(kind: Kind) {
    let siege = Siege::begin(kind).await;
    let attacker = siege.account("attacker").await;
    let mut sent = 0;
    for op in OPERATIONS.iter().filter(|op| op.method == "WS") {
        let mut frames = Vec::new();
        for data in data() {
            for about in [json!(null), json!("x"), json!(7), json!("\0")] {
                frames.push(
                    json!({ "type": op.path, "data": data, "conversation_id": about }).to_string(),
                );
            }
        }
        frames.push(format!(
            "{{\"type\":{:?},\"data\":{}1{}}}",
            op.path,
            "{\"a\":".repeat(8_000),
            "}".repeat(8_000)
        ));
        frames.push(format!(
            "{{\"type\":{:?},\"type\":\"ping\",\"data\":{{}},\"data\":1}}",
            op.path
        ));
        frames.push(format!(
            "{{\"type\":{:?},\"data\":{{\"run_id\":\"\\ud800\"}}}}",
            op.path
        ));
        frames.push(format!("{{\"type\":{:?}", op.path));
        // As many as a socket may send at once, with a ping behind them.
        for few in frames.chunks(60) {
            let mut socket = attacker.socket(None, &[]).await;
            for frame in few {
                socket.send_text(frame).await;
            }
            socket.send("ping", None, json!({})).await;
            loop {
                let answer = socket.until(|_| true).await;
                match answer["type"].as_str().unwrap() {
                    "pong" => break,
                    "error" => {
                        let problem = &answer["data"];
                        let status = problem["status"].as_u64().unwrap();
                        assert!((400..500).contains(&status), "{} {problem}", op.path);
                        assert!(problem["code"].is_string() && problem["request_id"].is_string());
                    }
                    _ => {}
                }
            }
            sent += few.len();
        }
    }
    siege
        .end(&format!("{sent} hostile frames of every type"))
        .await;
}

mod sqlite {
    use super::Kind::Sqlite;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_socket_that_breaks_the_protocol_is_closed() {
        super::a_socket_that_breaks_the_protocol_is_closed(Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_thousand_sockets_of_one_user_are_twenty() {
        super::a_thousand_sockets_of_one_user_are_twenty(Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_frame_with_hostile_data_is_answered_or_ignored() {
        super::every_frame_with_hostile_data_is_answered_or_ignored(Sqlite).await;
    }
}

mod postgres {
    use super::Kind::Postgres;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_socket_that_breaks_the_protocol_is_closed() {
        super::a_socket_that_breaks_the_protocol_is_closed(Postgres).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_thousand_sockets_of_one_user_are_twenty() {
        super::a_thousand_sockets_of_one_user_are_twenty(Postgres).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_frame_with_hostile_data_is_answered_or_ignored() {
        super::every_frame_with_hostile_data_is_answered_or_ignored(Postgres).await;
    }
}
