//! What every response carries.

use reqwest::Method;
use serde_json::json;
use testkit::TestApp;

use crate::support::{answer, page_is_built, raw, second};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; \
    worker-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

#[tokio::test]
async fn every_response_is_guarded() {
    let app = TestApp::start().await;
    let client = app.client();
    for path in [
        "/",
        "/health",
        "/api/v1/meta",
        "/api/v1/nothing",
        "/docs",
        "/openapi.json",
        "/api/v1/auth/me",
        "/assets/none.js",
    ] {
        let response = raw(&client, Method::GET, path, &[], "").await;
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .map(|v| v.to_str().unwrap().to_owned())
                .unwrap_or_default()
        };
        assert_eq!(header("content-security-policy"), POLICY, "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(
            header("cross-origin-opener-policy"),
            "same-origin",
            "{path}"
        );
        assert_eq!(
            header("cross-origin-resource-policy"),
            "same-origin",
            "{path}"
        );
        assert_eq!(header("x-rejoinder-version"), "test", "{path}");
        assert_eq!(header("x-request-id").len(), 36, "{path}");
        assert_eq!(header("access-control-allow-origin"), "", "{path}");
        assert_eq!(header("strict-transport-security"), "", "{path}");
        if path.starts_with("/api") {
            assert_eq!(header("cache-control"), "no-store", "{path}");
        }
    }
}

#[tokio::test]
async fn only_the_image_frame_has_a_policy_of_its_own() {
    let app = TestApp::start().await;
    let client = app.client();
    let frame = raw(&client, Method::GET, "/remote-image.html", &[], "").await;
    if !page_is_built(&client).await {
        assert_eq!(frame.status(), 404);
        return;
    }
    assert_eq!(frame.status(), 200);
    assert_eq!(
        frame.headers()["content-security-policy"],
        "default-src 'none'; style-src 'self'; img-src http: https:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'self'"
    );
    assert_eq!(frame.headers()["referrer-policy"], "no-referrer");
    let text = frame.text().await.unwrap();
    assert!(!text.contains("<script"), "{text}");
}

#[tokio::test]
async fn a_problem_names_its_request() {
    let app = TestApp::start().await;
    let response = app.client().get("/nothing").await;
    assert_eq!(response.headers["content-type"], "application/problem+json");
    let id = response.headers["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        response.expect(404),
        json!({
            "type": "urn:rejoinder:problem:not_found",
            "title": "Not Found",
            "status": 404,
            "detail": "There is nothing here, or it is not yours.",
            "code": "not_found",
            "request_id": id,
        })
    );
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let app = TestApp::start().await;
    let wrong = raw(&app.client(), Method::PUT, "/api/v1/auth/me", &[], "").await;
    let allow = wrong.headers()["allow"].to_str().unwrap().to_owned();
    for method in ["GET", "PATCH", "DELETE"] {
        assert!(allow.contains(method), "{allow}");
    }
    assert_eq!(
        answer(wrong).await.expect(405)["code"],
        "method_not_allowed"
    );
}

#[tokio::test]
async fn with_tls_the_browser_is_told_to_stay_there() {
    let app = TestApp::start().await;
    let second = second(&app, |config| {
        config.public_url = Some("https://chat.example".to_owned());
    })
    .await;
    let answer = second.client.get("/meta").await;
    assert_eq!(
        answer.headers["strict-transport-security"],
        "max-age=31536000"
    );
}
