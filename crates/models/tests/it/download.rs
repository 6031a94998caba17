//! Files of models from a server that cuts, changes its mind, or has something else.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use models::{DownloadError, Downloaded, download};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::{header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Of [`body`].
const SHA256: &str = "a49bb39cb165271845f4f0c023ff949066b4a035723912fff382fe0dbe9b497e";

fn body() -> Vec<u8> {
    [b"GGUF".as_slice(), &b"0123456789".repeat(1000)].concat()
}

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.gguf");
    (folder, path)
}

fn left(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Answers each connection with the next of the given bytes, then closes it.
async fn server(
    answers: Vec<Vec<u8>>,
) -> (String, Arc<AtomicUsize>, Arc<std::sync::Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/m.gguf", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let asked = Arc::new(std::sync::Mutex::new(String::new()));
    let (counted, heard) = (count.clone(), asked.clone());
    let serving = async move {
        for answer in answers {
            let (mut socket, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            *heard.lock().unwrap() = String::from_utf8(head).unwrap().to_lowercase();
            socket.write_all(&answer).await.unwrap();
        }
    };
    #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
    tokio::spawn(serving);
    (url, count, asked)
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {head}\r\n\r\n").as_bytes(), body].concat()
}

#[tokio::test]
async fn a_cut_download_goes_on_where_it_stopped() {
    let (_folder, path) = folder();
    let body = body();
    let first = answer(
        "200 OK\r\nContent-Length: 10004\r\nETag: \"v1\"",
        &body[..4_000],
    );
    let rest = answer(
        "206 Partial Content\r\nContent-Length: 6004\r\nETag: \"v1\"\r\n\
         Content-Range: bytes 4000-10003/10004",
        &body[4_000..],
    );
    let (url, count, asked) = server(vec![first, rest]).await;
    let mut seen = Vec::new();
    let mut progress = |got, whole| seen.push((got, whole));
    let file = download(&url, &path, Some(SHA256), &mut progress)
        .await
        .unwrap();
    let whole = Downloaded {
        sha256: SHA256.to_owned(),
        size: 10_004,
        fetched: true,
    };
    assert_eq!(file, whole);
    assert_eq!(fs::read(&path).unwrap(), body);
    assert_eq!(seen.last(), Some(&(10_004, Some(10_004))));
    let asked = asked.lock().unwrap().clone();
    assert!(asked.contains("range: bytes=4000-"), "{asked}");
    assert!(asked.contains("if-range: \"v1\""), "{asked}");
    assert_eq!(left(&path), ["m.gguf", "m.gguf.sha256"]);

    // Never twice: by the wanted checksum, and by the noted one.
    for wanted in [Some(SHA256), None] {
        let again = download(&url, &path, wanted, &mut |_, _| {}).await.unwrap();
        assert_eq!(
            again,
            Downloaded {
                fetched: false,
                ..whole.clone()
            }
        );
    }
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_file_that_changed_in_between_is_fetched_anew() {
    let (_folder, path) = folder();
    let body = body();
    fs::write(path.with_file_name("m.gguf.part"), b"GGUFxxxx").unwrap();
    fs::write(path.with_file_name("m.gguf.part.etag"), "\"v0\"").unwrap();
    let (url, _, _) = server(vec![answer("200 OK\r\nContent-Length: 10004", &body)]).await;
    let file = download(&url, &path, None, &mut |_, _| {}).await.unwrap();
    assert_eq!(file.sha256, SHA256);
}

#[tokio::test]
async fn a_connection_that_never_holds_is_given_up_and_what_came_stays() {
    let (_folder, path) = folder();
    let cut = answer(
        "200 OK\r\nContent-Length: 10004\r\nETag: \"v1\"",
        &body()[..100],
    );
    let (url, _, _) = server(vec![cut]).await;
    let error = download(&url, &path, None, &mut |_, _| {})
        .await
        .unwrap_err();
    assert!(
        matches!(error, DownloadError::Cut { got: 100, .. }),
        "{error}"
    );
    assert_eq!(left(&path), ["m.gguf.part", "m.gguf.part.etag"]);
}

#[tokio::test]
async fn what_is_not_the_file_never_gets_its_name() {
    let (_folder, path) = folder();
    let server = MockServer::start().await;
    let page = ResponseTemplate::new(200).set_body_string("<html>sign in</html>");
    Mock::given(method("GET"))
        .respond_with(page)
        .mount(&server)
        .await;
    let url = server.uri();
    let error = download(&url, &path, None, &mut |_, _| {})
        .await
        .unwrap_err();
    assert!(matches!(error, DownloadError::NotGguf(_)), "{error}");

    server.reset().await;
    let other = ResponseTemplate::new(200).set_body_bytes(body());
    Mock::given(method("GET"))
        .respond_with(other)
        .mount(&server)
        .await;
    let wanted = "0".repeat(64);
    let error = download(&url, &path, Some(&wanted), &mut |_, _| {})
        .await
        .unwrap_err();
    assert!(error.to_string().contains(SHA256), "{error}");

    server.reset().await;
    Mock::given(header(
        "user-agent",
        concat!("rejoinder/", env!("CARGO_PKG_VERSION")),
    ))
    .respond_with(ResponseTemplate::new(404))
    .mount(&server)
    .await;
    let error = download(&url, &path, None, &mut |_, _| {})
        .await
        .unwrap_err();
    assert!(error.to_string().contains("404"), "{error}");
    assert_eq!(left(&path), Vec::<String>::new());
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let (folder, _) = folder();
    let path = folder.path().join("none/m.gguf");
    let server = MockServer::start().await;
    let other = ResponseTemplate::new(200).set_body_bytes(body());
    Mock::given(method("GET"))
        .respond_with(other)
        .mount(&server)
        .await;
    let error = download(&server.uri(), &path, None, &mut |_, _| {})
        .await
        .unwrap_err();
    assert!(error.to_string().contains("none"), "{error}");
    let error = download("http://", &path, None, &mut |_, _| {})
        .await
        .unwrap_err();
    assert!(matches!(error, DownloadError::Address(..)), "{error}");
}
