//! Bytes on a connection, for what no client library would send.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// A connection without manners.
pub struct Raw(TcpStream);

/// One answer as it stood on the wire.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Everything that came back, and whether the server then closed.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub replies: Vec<Reply>,
    /// Bytes behind the last whole reply, or instead of one.
    pub rest: Vec<u8>,
    pub closed: bool,
}

impl Reply {
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(found, _)| found == name);
        named.next().map(|(_, value)| value.as_str())
    }

    /// What is wrong with it as an answer to a bad request.
    ///
    /// # Errors
    /// A sentence.
    pub fn check(&self) -> Result<(), String> {
        check(self.status, |name| self.header(name), &self.body)
    }
}

/// Every refusal is a problem document. What is no HTTP at all is refused below the routes, by a
/// bare status and the end of the connection.
///
/// # Errors
/// What is wrong, in a sentence.
pub fn check<'a>(
    status: u16,
    header: impl Fn(&str) -> Option<&'a str>,
    body: &[u8],
) -> Result<(), String> {
    if status < 400 {
        return Ok(());
    }
    if status >= 500 {
        return Err(format!("{status}: {}", String::from_utf8_lossy(body)));
    }
    let bare = body.is_empty() && header("connection") == Some("close");
    if bare && [400, 414, 431].contains(&status) && header("x-request-id").is_none() {
        return Ok(());
    }
    if header("content-type") != Some("application/problem+json") {
        return Err(format!("{status} without a problem document"));
    }
    let problem: Value = serde_json::from_slice(body).map_err(|error| format!("{error}"))?;
    let id = header("x-request-id").unwrap_or_default();
    let whole = problem["status"] == status
        && problem["code"]
            .as_str()
            .is_some_and(|code| !code.is_empty())
        && problem["request_id"] == id;
    if whole {
        Ok(())
    } else {
        Err(format!("not a whole problem: {problem}"))
    }
}

impl Raw {
    /// `url` is `http://127.0.0.1:port`.
    pub async fn connect(url: &str) -> Self {
        let address = url.trim_start_matches("http://");
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Sends what the server takes; one that has hung up is no error here.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }

    /// Says that nothing more will come.
    pub async fn finish(&mut self) {
        let _ = self.0.shutdown().await;
    }

    /// All that comes until the server closes, or nothing has been said for `patience`.
    pub async fn read(&mut self, patience: Duration) -> Exchange {
        let (bytes, closed) = self.bytes(patience).await;
        let (replies, rest) = parse(&bytes);
        Exchange {
            replies,
            rest,
            closed,
        }
    }

    /// The same, unread.
    pub async fn bytes(&mut self, patience: Duration) -> (Vec<u8>, bool) {
        let (mut bytes, mut chunk) = (Vec::new(), vec![0; 64 * 1024]);
        let mut until = Instant::now() + patience;
        loop {
            match timeout_at(until, self.0.read(&mut chunk)).await {
                Ok(Ok(0) | Err(_)) => return (bytes, true),
                Ok(Ok(read)) => bytes.extend(&chunk[..read]),
                Err(_) => return (bytes, false),
            }
            until = Instant::now() + patience;
        }
    }
}

fn parse(bytes: &[u8]) -> (Vec<Reply>, Vec<u8>) {
    let (mut replies, mut rest) = (Vec::new(), bytes);
    while let Some((reply, after)) = one(rest) {
        replies.push(reply);
        rest = after;
    }
    (replies, rest.to_vec())
}

fn one(bytes: &[u8]) -> Option<(Reply, &[u8])> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(Some(0), |(_, length)| length.parse::<usize>().ok())?;
    let bodiless = status < 200 || status == 204 || status == 304;
    let (body, after) = bytes[end + 4..].split_at_checked(if bodiless { 0 } else { length })?;
    let reply = Reply {
        status,
        headers,
        body: body.to_vec(),
    };
    Some((reply, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let (replies, rest) =
            parse(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 404 N\r\n\r\nHTTP");
        let seen: Vec<_> = replies
            .iter()
            .map(|reply| (reply.status, &*reply.body))
            .collect();
        assert_eq!(seen, [(200, &b"ok"[..]), (404, b"")]);
        assert_eq!(rest, b"HTTP");
        assert!(
            replies[1].check().is_err(),
            "no problem document, and not closed"
        );
        assert!(check(500, |_| None, b"").is_err());
        assert!(check(400, |name| (name == "connection").then_some("close"), b"").is_ok());
    }
}
