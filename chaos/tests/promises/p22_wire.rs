//! P22 below HTTP: what is no request, requests that two readers would cut differently, and those
//! that never end.

use std::time::Duration;

use chaos::database::Kind;
use chaos::raw::{Exchange, Raw};
use tokio::task::JoinSet;

use crate::p22_siege::Siege;

/// Nothing of these may be read as a request of its own.
const SMUGGLED: &str = "GET /api/v1/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// Name, bytes, and how many requests an honest reader finds in them at most.
fn shapes() -> Vec<(String, Vec<u8>, usize)> {
    let mut shapes = Vec::new();
    let mut add = |name: &str, text: String, requests| {
        shapes.push((name.to_owned(), text.into_bytes(), requests));
    };
    let post = "POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    let get = "GET /api/v1/meta HTTP/1.1\r\nHost: a\r\n";
    // Lengths that contradict each other or themselves.
    for (name, headers) in [
        (
            "both lengths",
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            "both lengths, the other way round",
            "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        ),
        ("two lengths", "Content-Length: 4\r\nContent-Length: 60\r\n"),
        ("two lengths in one", "Content-Length: 4, 60\r\n"),
        ("a signed length", "Content-Length: +4\r\n"),
        ("a negative length", "Content-Length: -4\r\n"),
        (
            "a length beyond all",
            "Content-Length: 99999999999999999999999\r\n",
        ),
        ("a hexadecimal length", "Content-Length: 0x4\r\n"),
        ("no length at all", "Content-Length: \r\n"),
        ("an unknown coding", "Transfer-Encoding: xchunked\r\n"),
        (
            "a coding after chunked",
            "Transfer-Encoding: chunked, identity\r\n",
        ),
        (
            "chunked twice",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            "a blank before the colon",
            "Transfer-Encoding : chunked\r\nContent-Length: 4\r\n",
        ),
        (
            "a vertical tab",
            "Transfer-Encoding: \x0bchunked\r\nContent-Length: 4\r\n",
        ),
        (
            "a folded header",
            "Transfer-Encoding:\r\n chunked\r\nContent-Length: 4\r\n",
        ),
        (
            "a line feed alone",
            "X: y\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        ),
        (
            "a carriage return alone",
            "X: y\rTransfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        ),
        ("a NUL in a header", "X: \0\r\n"),
        ("no name", ": y\r\n"),
        ("no colon", "nonsense\r\n"),
    ] {
        add(name, format!("{post}{headers}\r\n0\r\n\r\n{SMUGGLED}"), 1);
    }
    // Chunks.
    for (name, chunks) in [
        (
            "a chunk size beyond all",
            "ffffffffffffffff1\r\nx\r\n0\r\n\r\n",
        ),
        (
            "the largest chunk size",
            "ffffffffffffffff\r\nx\r\n0\r\n\r\n",
        ),
        ("a negative chunk", "-1\r\nx\r\n0\r\n\r\n"),
        ("no chunk size", "\r\nx\r\n0\r\n\r\n"),
        ("a chunk size that is no number", "zz\r\nx\r\n0\r\n\r\n"),
        ("a chunk that ends too early", "5\r\nx\r\n0\r\n\r\n"),
        ("a chunk without its end", "1\r\nxyz0\r\n\r\n"),
        ("line feeds alone", "1\nx\n0\n\n"),
    ] {
        let text = format!("{post}Transfer-Encoding: chunked\r\n\r\n{chunks}");
        add(name, text, 1);
    }
    let extension = "e=".to_owned() + &"x".repeat(1_000_000);
    add(
        "a chunk extension of a megabyte",
        format!("{post}Transfer-Encoding: chunked\r\n\r\n1;{extension}\r\nx\r\n0\r\n\r\n"),
        1,
    );
    let tiny = "1\r\nx\r\n".repeat(100_000);
    add(
        "100,000 chunks of a byte",
        format!("{post}Transfer-Encoding: chunked\r\n\r\n{tiny}0\r\n\r\n"),
        1,
    );
    let trailers: String = (0..10_000).map(|n| format!("T{n}: x\r\n")).collect();
    add(
        "10,000 trailers",
        format!("{post}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n{trailers}\r\n"),
        1,
    );
    // What is no request line, or too much of one.
    for line in [
        "",
        "GET",
        "GET /",
        "GET / HTTP/0.9",
        "GET / HTTP/1.2",
        "GET / HTTP/2.0",
        "GET  / HTTP/1.1",
        "G\x00T / HTTP/1.1",
        "GET /\x00 HTTP/1.1",
        "GET /a b HTTP/1.1",
        "get / http/1.1",
        "GET http://[::1 HTTP/1.1",
        "GET \\\\a\\b HTTP/1.1",
        "CONNECT a:1 HTTP/1.1",
        "TRACE / HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET /api/v1//..//..//etc/passwd HTTP/1.1",
        "PRI * HTTP/2.0",
        "\u{202e}GET / HTTP/1.1",
    ] {
        add(
            &format!("{line:?}"),
            format!("{line}\r\nHost: a\r\n\r\n"),
            1,
        );
    }
    add(
        "a path of a megabyte",
        format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(1_000_000)),
        1,
    );
    add(
        "a method of a megabyte",
        format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "A".repeat(1_000_000)),
        1,
    );
    add(
        "a header of a megabyte",
        format!("{get}X: {}\r\n\r\n", "x".repeat(1_000_000)),
        1,
    );
    let headers: String = (0..10_000).map(|n| format!("X{n}: y\r\n")).collect();
    add("10,000 headers", format!("{get}{headers}\r\n"), 1);
    add("no host", "GET /api/v1/meta HTTP/1.1\r\n\r\n".to_owned(), 1);
    add("two hosts", format!("{get}Host: b\r\n\r\n"), 1);
    add(
        "an upgrade to HTTP/2",
        format!(
            "{get}Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n"
        ),
        1,
    );
    add(
        "an expectation that nobody has",
        format!("{post}Expect: 200-miracle\r\nContent-Length: 2\r\n\r\n{{}}"),
        1,
    );
    add(
        "a body that was not asked for",
        format!("{get}Content-Length: 2\r\n\r\n{{}}"),
        1,
    );
    add("20 in a row", format!("{get}\r\n").repeat(20), 20);
    add(
        "a greeting of TLS",
        "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03".to_owned(),
        1,
    );
    shapes
}

fn judge(name: &str, exchange: &Exchange, requests: usize) {
    let told = || format!("{name}: {:?}", exchange.replies);
    assert!(exchange.replies.len() <= requests, "{}", told());
    for reply in &exchange.replies {
        if let Err(wrong) = reply.check() {
            panic!("{name}: {wrong}: {reply:?}");
        }
    }
    assert!(
        !exchange.replies.is_empty() || exchange.closed,
        "no word and no end: {name}"
    );
    let rest = String::from_utf8_lossy(&exchange.rest);
    assert!(rest.is_empty(), "{name}: {rest:.300}");
}

async fn shapes_that_two_readers_would_cut_differently(kind: Kind) {
    let siege = Siege::begin(kind).await;
    let shapes = shapes();
    for (name, bytes, requests) in &shapes {
        let mut raw = Raw::connect(&siege.server.url).await;
        // Read while it is sent: a server that refuses early need not take the rest.
        raw.send(bytes).await;
        raw.finish().await;
        let exchange = raw.read(Duration::from_secs(10)).await;
        judge(name, &exchange, *requests);
    }
    siege
        .end(&format!("{} malformed requests", shapes.len()))
        .await;
}

async fn what_never_ends_is_ended(kind: Kind) {
    let siege = Siege::begin(kind).await;
    let login = "POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    let starts = [
        // Of the headers, of a line of them, of a body with and without a length, of nothing.
        (login.to_owned(), None),
        ("GET /api/v1/me".to_owned(), None),
        (String::new(), None),
        (format!("{login}Content-Length: 100\r\n\r\n{{"), Some(408)),
        (
            format!("{login}Transfer-Encoding: chunked\r\n\r\n5\r\n{{"),
            Some(408),
        ),
    ];
    let mut open = JoinSet::new();
    let mut count = 0;
    for (start, status) in starts {
        for _ in 0..100 {
            let mut raw = Raw::connect(&siege.server.url).await;
            let start = start.clone();
            count += 1;
            open.spawn(async move {
                raw.send(start.as_bytes()).await;
                // Twice the longest wait of the server (`limits.rs`: 30 s for a body).
                let exchange = raw.read(Duration::from_secs(60)).await;
                (exchange, start, status)
            });
        }
        // What stands in the system's queue behind all of them has been taken, so they have been too:
        // one that overflowed the queue would never be seen by the server, and never ended.
        let health = format!("{}/health", siege.server.url);
        assert_eq!(reqwest::get(health).await.unwrap().status(), 200);
    }
    siege.serves().await;
    while let Some(ended) = open.join_next().await {
        let (exchange, start, status) = ended.unwrap();
        let seen: Vec<_> = exchange.replies.iter().map(|reply| reply.status).collect();
        assert_eq!(seen, Vec::from_iter(status), "{start:?}");
        for reply in &exchange.replies {
            reply
                .check()
                .unwrap_or_else(|wrong| panic!("{start:?}: {wrong}"));
        }
        assert!(exchange.closed, "still open: {start:?}");
    }
    siege
        .end(&format!("{count} requests that never ended"))
        .await;
}

mod sqlite {
    use super::Kind::Sqlite;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn shapes_that_two_readers_would_cut_differently() {
        super::shapes_that_two_readers_would_cut_differently(Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_never_ends_is_ended() {
        super::what_never_ends_is_ended(Sqlite).await;
    }
}

mod postgres {
    use super::Kind::Postgres;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn shapes_that_two_readers_would_cut_differently() {
        super::shapes_that_two_readers_would_cut_differently(Postgres).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_never_ends_is_ended() {
        super::what_never_ends_is_ended(Postgres).await;
    }
}
