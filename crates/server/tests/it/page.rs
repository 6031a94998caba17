//! The static page, or a clear word where it wasn't built.

use reqwest::Method;
use testkit::TestApp;

use crate::support::{page_is_built, raw};

#[tokio::test]
async fn paths_of_the_page_answer_alike() {
    let app = TestApp::start().await;
    let client = app.client();
    let root = raw(&client, Method::GET, "/", &[], "").await;
    let built = page_is_built(&client).await;
    let body = root.text().await.unwrap();
    if built {
        assert!(body.contains("<div id="), "{body}");
    } else {
        assert!(body.contains("make run"), "{body}");
    }
    for path in [
        "/c/018f0000-0000-7000-8000-000000000000",
        "/login",
        "/settings",
    ] {
        let other = raw(&client, Method::GET, path, &[], "").await;
        assert_eq!(other.text().await.unwrap(), body, "{path}");
    }
    let missing = raw(&client, Method::GET, "/assets/index-00000000.js", &[], "").await;
    assert_eq!(missing.status(), 404);
    let posted = raw(&client, Method::POST, "/", &[], "").await;
    assert_eq!(posted.status(), 405);
}

#[tokio::test]
async fn a_page_that_is_known_is_not_sent_again() {
    let app = TestApp::start().await;
    let client = app.client();
    let root = raw(&client, Method::GET, "/", &[], "").await;
    if !page_is_built(&client).await {
        assert_eq!(root.status(), 404);
        return;
    }
    let tag = root.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(root.headers()["cache-control"], "no-cache");
    let again = raw(&client, Method::GET, "/", &[("if-none-match", &tag)], "").await;
    assert_eq!(again.status(), 304);
    assert_eq!(again.bytes().await.unwrap().len(), 0);
}
