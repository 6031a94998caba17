//! The only outgoing HTTP of tools. A client of its own, apart from the models': no redirects, no
//! proxy, no decompression, no connection kept and no request repeated by itself.

mod reply;

use std::error::Error as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{Certificate, Client, Request, redirect, retry};

pub(crate) use reply::{Reply, shortened};

const CONNECT: Duration = Duration::from_secs(5);
/// Between two pieces of an answer. Each request has its whole time besides.
const READ: Duration = Duration::from_secs(60);

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No connection came about: nothing was sent.
    NotSent(String),
    /// It was sent, at least in part, and nothing came back.
    NoAnswer(String),
}

/// Clones share one client, which is built at the first call: a server without such tools needs no
/// certificates in memory.
#[derive(Clone, Default)]
pub(crate) struct Egress {
    client: Arc<OnceLock<Result<Client, String>>>,
}

impl Egress {
    /// Sends once. The time of the whole exchange is the request's.
    pub(crate) async fn send(&self, request: Request) -> Result<Reply, Fault> {
        let client = self
            .client
            .get_or_init(|| build().map_err(|error| cause(&error)))
            .as_ref()
            .map_err(|why| Fault::NotSent(format!("no TLS client could be built: {why}")))?;
        let response = client
            .execute(request)
            .await
            .map_err(|error| fault(&error))?;
        Ok(Reply::read(response).await)
    }
}

fn build() -> reqwest::Result<Client> {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .filter_map(|der| Certificate::from_der(der.as_ref()).ok());
    Client::builder()
        .connect_timeout(CONNECT)
        .read_timeout(READ)
        // A kept connection that the service has just closed leaves a request in doubt that was
        // never seen: a new one for each call tells the two apart.
        .pool_max_idle_per_host(0)
        .retry(retry::never())
        .redirect(redirect::Policy::none())
        .no_proxy()
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .tls_certs_merge(roots)
        .user_agent(concat!("rejoinder/", env!("CARGO_PKG_VERSION")))
        .build()
}

fn fault(error: &reqwest::Error) -> Fault {
    let why = cause(error);
    if error.is_connect() || error.is_builder() {
        Fault::NotSent(why)
    } else {
        Fault::NoAnswer(why)
    }
}

/// The innermost cause: the outer ones repeat the URL.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let mut inner = error.source();
    let mut text = None;
    while let Some(error) = inner {
        text = Some(error.to_string());
        inner = error.source();
    }
    text.unwrap_or_else(|| "the request could not be made".to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use reqwest::{Method, Request};
    use serde_json::{Value, json};

    use super::{Egress, Fault};

    /// A service that reads one request, says these bytes and closes.
    async fn served(answer: &'static [u8]) -> Result<Value, Fault> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let service = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            stream.write_all(answer).unwrap();
            String::from_utf8(request).unwrap().to_lowercase()
        });
        let request = Request::new(Method::GET, url.parse().unwrap());
        let came = Egress::default().send(request).await;
        let asked = service.join().unwrap();
        assert!(!asked.contains("accept-encoding"), "{asked}");
        came.map(super::Reply::into_value)
    }

    #[tokio::test]
    async fn a_status_is_an_answer_even_when_the_body_breaks_off() {
        let came = served(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"a\":1").await;
        let cut = "the connection broke within the body";
        assert_eq!(
            came,
            Ok(json!({"status": 200, "body": "{\"a\":1", "cut": cut}))
        );
    }

    #[tokio::test]
    async fn what_is_no_answer_leaves_the_request_in_doubt() {
        let halves: [&'static [u8]; 4] =
            [b"", b"HTTP/1.1", b"HTTP/1.1 200 OK\r\nx: y\r\n", b"<html>"];
        for half in halves {
            let came = served(half).await;
            assert!(matches!(came, Err(Fault::NoAnswer(_))), "{came:?}");
        }
    }

    #[tokio::test]
    async fn without_a_connection_nothing_was_sent() {
        for url in ["http://127.0.0.1:1/", "http://no-such-host.invalid/"] {
            let request = Request::new(Method::POST, url.parse().unwrap());
            let came = Egress::default().send(request).await;
            assert!(matches!(came, Err(Fault::NotSent(_))), "{url}");
        }
    }
}
