use reqwest::Method;
use secrecy::SecretString;
use testkit::TestApp;

use crate::support::{answer, raw, second};

#[tokio::test]
async fn a_living_server_says_so() {
    let app = TestApp::start().await;
    let health = answer(raw(&app.client(), Method::GET, "/health", &[], "").await).await;
    assert_eq!(health.expect(200)["status"], "ok");
    let ready = answer(raw(&app.client(), Method::GET, "/ready", &[], "").await).await;
    assert_eq!(ready.expect(200)["status"], "ready");
}

#[tokio::test]
async fn a_server_that_stops_is_not_ready() {
    let app = TestApp::start().await;
    let second = second(&app, |_| {}).await;
    second.drain.cancel();
    let ready = answer(raw(&second.client, Method::GET, "/ready", &[], "").await).await;
    assert!(ready.headers.contains_key("retry-after"));
    assert_eq!(ready.expect(503)["code"], "draining");
    let health = raw(&second.client, Method::GET, "/health", &[], "").await;
    assert_eq!(health.status(), 200);
}

#[tokio::test]
async fn metrics_are_for_this_machine() {
    let app = TestApp::start().await;
    let second = second(&app, |_| {}).await;
    let metrics = raw(&second.client, Method::GET, "/metrics", &[], "").await;
    assert_eq!(metrics.status(), 200);
    assert_eq!(metrics.text().await.unwrap(), "metric 1\n");
    let proxied = [("x-forwarded-for", "10.0.0.1")];
    let metrics = raw(&second.client, Method::GET, "/metrics", &proxied, "").await;
    assert_eq!(metrics.status(), 404);
}

#[tokio::test]
async fn metrics_are_for_whoever_has_the_token() {
    let app = TestApp::start().await;
    let second = second(&app, |config| {
        config.metrics_token = Some(SecretString::from("operators-only"));
    })
    .await;
    for (headers, status) in [
        (vec![], 404),
        (vec![("authorization", "Bearer operators")], 404),
        (vec![("authorization", "Bearer operators-only")], 200),
    ] {
        let metrics = raw(&second.client, Method::GET, "/metrics", &headers, "").await;
        assert_eq!(metrics.status(), status);
    }
}

#[tokio::test]
async fn documentation_can_be_switched_off() {
    let app = TestApp::start().await;
    let second = second(&app, |config| config.docs = false).await;
    for path in ["/docs", "/openapi.json"] {
        assert_eq!(
            raw(&app.client(), Method::GET, path, &[], "")
                .await
                .status(),
            200
        );
        assert_eq!(
            raw(&second.client, Method::GET, path, &[], "")
                .await
                .status(),
            404
        );
    }
}
