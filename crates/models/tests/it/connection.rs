//! Bytes, connections and time, on a server that can be told what to do with each.

use std::time::Duration;

use agent::ports::{ModelChunk, ModelErrorKind};
use futures::StreamExt;
use models::Adapter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::support::*;

const HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

enum After {
    /// The last chunk of HTTP: the body is complete.
    Complete,
    /// Closed inside the body.
    Cut,
    /// Nothing, until the client goes.
    Hold,
}

struct Raw {
    base_url: String,
    tasks: JoinSet<()>,
}

async fn read_request(socket: &mut TcpStream) {
    let mut seen = vec![];
    let mut buffer = [0; 4_096];
    loop {
        let n = socket.read(&mut buffer).await.unwrap();
        seen.extend_from_slice(&buffer[..n]);
        let text = String::from_utf8_lossy(&seen);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length:")?
                .trim()
                .parse()
                .ok()
        });
        if n == 0 || body.len() >= length.unwrap_or(0) {
            return;
        }
    }
}

/// Answers one request: each part is one HTTP chunk, so that the client sees exactly these pieces.
async fn raw(parts: Vec<Vec<u8>>, after: After) -> (Raw, oneshot::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let (gone, client_gone) = oneshot::channel();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        read_request(&mut socket).await;
        let mut bytes = HEAD.as_bytes().to_vec();
        for part in parts {
            bytes.extend(format!("{:x}\r\n", part.len()).into_bytes());
            bytes.extend(part);
            bytes.extend(b"\r\n");
        }
        if matches!(after, After::Complete) {
            bytes.extend(b"0\r\n\r\n");
        }
        // The client may leave in the middle; that is what some tests are about.
        let _ = socket.write_all(&bytes).await;
        if matches!(after, After::Hold) {
            let mut rest = [0; 64];
            while socket.read(&mut rest).await.is_ok_and(|n| n > 0) {}
            let _ = gone.send(());
        }
    });
    (Raw { base_url, tasks }, client_gone)
}

async fn answer(parts: Vec<Vec<u8>>, after: After) -> Whole {
    answer_of(Adapter::OpenAi, parts, after).await
}

async fn answer_of(adapter: Adapter, parts: Vec<Vec<u8>>, after: After) -> Whole {
    let (mut raw, _gone) = raw(parts, after).await;
    let whole = ask(&model(provider(adapter, &raw.base_url)), request()).await;
    raw.tasks.abort_all();
    whole
}

#[tokio::test]
async fn any_script_split_at_every_byte() {
    let body = fixture("openai-unicode.sse").into_bytes();
    let expected = Whole::text(&fixture("openai-unicode.txt"), 12, 3);
    let singles = body.iter().map(|byte| vec![*byte]).collect();
    assert_eq!(answer(singles, After::Complete).await, expected);
    for at in 1..body.len() {
        let parts = vec![body[..at].to_vec(), body[at..].to_vec()];
        assert_eq!(
            answer(parts, After::Complete).await,
            expected,
            "split at {at}"
        );
    }
}

#[tokio::test]
async fn the_vendors_answers_split_anywhere() {
    for (adapter, name) in [
        (Adapter::Anthropic, "anthropic-text-tool.sse"),
        (Adapter::Gemini, "gemini-tool.sse"),
    ] {
        let expected = answer_to(adapter, name).await;
        assert!(expected.end.is_some(), "{name}");
        let body = fixture(name).into_bytes();
        let singles = body.iter().map(|byte| vec![*byte]).collect();
        assert_eq!(
            answer_of(adapter, singles, After::Complete).await,
            expected,
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_connection_that_breaks_keeps_what_came() {
    let part = fixture("openai-cut.sse").into_bytes();
    let whole = answer(vec![part], After::Cut).await;
    assert_eq!(whole.text, "Hel");
    assert_eq!(whole.error.unwrap().kind, ModelErrorKind::Interrupted);
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_finish_is_an_end() {
    let whole = answer(vec![fixture("openai-no-done.sse").into_bytes()], After::Cut).await;
    assert_eq!(whole, Whole::text("Hi", 12, 3));
}

#[tokio::test]
async fn an_end_that_is_never_marked_is_not_waited_for() {
    let whole = answer(
        vec![fixture("openai-no-done.sse").into_bytes()],
        After::Hold,
    )
    .await;
    assert_eq!(whole, Whole::text("Hi", 12, 3));
}

#[tokio::test]
async fn a_line_without_end_is_given_up_early() {
    for (adapter, name, said) in [
        (Adapter::OpenAi, "openai-cut.sse", "Hel"),
        (Adapter::Anthropic, "anthropic-cut.sse", "Okay, checking."),
        (Adapter::Gemini, "gemini-cut.sse", "Once"),
    ] {
        let mut parts = vec![fixture(name).into_bytes(), b"data: ".to_vec()];
        parts.extend(std::iter::repeat_n(vec![b'x'; 64 * 1_024], 800));
        let whole = answer_of(adapter, parts, After::Hold).await;
        let error = whole.error.unwrap();
        assert_eq!(
            (whole.text.as_str(), error.kind),
            (said, ModelErrorKind::Protocol)
        );
        assert!(error.detail.contains("more than 1 MiB"), "{error}");
    }
}

#[tokio::test]
async fn dropping_the_answer_closes_the_connection() {
    for (adapter, name, said) in [
        (Adapter::OpenAi, "openai-cut.sse", "Hel"),
        (Adapter::Anthropic, "anthropic-cut.sse", "Okay"),
        (Adapter::Gemini, "gemini-cut.sse", "Once"),
    ] {
        let (_raw, gone) = raw(vec![fixture(name).into_bytes()], After::Hold).await;
        let model = model(provider(adapter, &_raw.base_url));
        let mut stream = model.answer(request()).await.unwrap();
        assert_eq!(stream.next().await, Some(Ok(ModelChunk::Text(said.into()))));
        drop(stream);
        tokio::time::timeout(Duration::from_secs(20), gone)
            .await
            .expect("closed")
            .unwrap();
    }
}

#[tokio::test]
async fn dropping_the_call_closes_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let model = model(provider(
        Adapter::OpenAi,
        &format!("http://{}", listener.local_addr().unwrap()),
    ));
    let call = model.answer(request());
    let accept = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        read_request(&mut socket).await;
        socket
    };
    let mut socket = tokio::select! {
        _ = call => panic!("an answer without a response"),
        socket = accept => socket,
    };
    let mut rest = [0; 64];
    let read = tokio::time::timeout(Duration::from_secs(20), socket.read(&mut rest)).await;
    assert!(!matches!(read.expect("closed"), Ok(1..)));
}
