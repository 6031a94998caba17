//! P8: what a failing endpoint may do.

use agent::ports::{ModelError, ModelErrorKind as Kind};
use models::Adapter;
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::support::*;

async fn refused(response: ResponseTemplate) -> ModelError {
    let server = server(response).await;
    ask(&model(provider(Adapter::OpenAi, &server.uri())), request())
        .await
        .error
        .unwrap()
}

fn problem(status: u16, message: &str, kind: &str) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .set_body_json(json!({"error": {"message": message, "type": kind, "code": null}}))
}

#[tokio::test]
async fn statuses() {
    let cases = [
        (
            problem(
                401,
                "Incorrect API key provided: the-key",
                "invalid_request_error",
            ),
            Kind::Auth,
        ),
        (
            problem(
                404,
                "The model `m1` does not exist",
                "invalid_request_error",
            ),
            Kind::NotConfigured,
        ),
        (problem(400, "bad", "invalid_request_error"), Kind::Refused),
        (problem(500, "oops", "server_error"), Kind::Upstream),
        (problem(529, "busy", "overloaded_error"), Kind::RateLimited),
    ];
    for (response, kind) in cases {
        let error = refused(response).await;
        assert_eq!(error.kind, kind, "{error}");
        assert!(!error.detail.contains("the-key"), "{error}");
    }
}

#[tokio::test]
async fn a_rate_limit_says_when() {
    let error =
        refused(problem(429, "slow down", "rate_limit").insert_header("retry-after", "7")).await;
    assert_eq!(
        error,
        ModelError {
            kind: Kind::RateLimited,
            detail: "acme is busy or its rate limit is reached. Try again in a moment. It said: slow down"
                .into(),
            retry_after_ms: Some(7_000),
        }
    );
}

#[tokio::test]
async fn a_web_page_is_no_answer() {
    let page = "<!DOCTYPE html>\n<html><body>Welcome</body></html>";
    let typed = ResponseTemplate::new(200).set_body_raw(page, "text/html; charset=utf-8");
    for response in [
        typed,
        events(page),
        ResponseTemplate::new(404).set_body_raw(page, "text/html"),
    ] {
        let error = refused(response).await;
        assert_eq!(
            error.detail,
            "The endpoint answered with a web page: check the base URL of this provider."
        );
        assert_eq!(error.kind, Kind::Protocol);
    }
}

#[tokio::test]
async fn what_came_before_a_fault_is_kept() {
    for (name, kind) in [
        ("openai-cut.sse", Kind::Interrupted),
        ("openai-cut-in-line.sse", Kind::Interrupted),
        ("openai-error.sse", Kind::Upstream),
        ("openai-malformed.sse", Kind::Protocol),
    ] {
        let whole = answer_to(Adapter::OpenAi, name).await;
        assert_eq!(
            (whole.text.as_str(), whole.error.unwrap().kind),
            ("Hel", kind),
            "{name}"
        );
    }
}

#[tokio::test]
async fn other_bodies_that_are_no_answer() {
    for (body, mime, kind) in [
        (
            "{\"error\":{\"message\":\"down\",\"type\":\"server_error\"}}",
            "application/json",
            Kind::Upstream,
        ),
        ("{\"hello\":1}", "application/json", Kind::Protocol),
        ("{\"hello\":", "application/json", Kind::Protocol),
        ("{\"hello\":1}\n", "text/event-stream", Kind::Protocol),
        ("data: 5\n\n", "text/event-stream", Kind::Protocol),
        ("", "text/event-stream", Kind::Interrupted),
        ("nothing to see\n", "text/plain", Kind::Interrupted),
    ] {
        let error = refused(ResponseTemplate::new(200).set_body_raw(body, mime)).await;
        assert_eq!(error.kind, kind, "{body} {mime}: {error}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let error =
        refused(ResponseTemplate::new(307).insert_header("location", "http://127.0.0.1:1/")).await;
    assert_eq!(error.kind, Kind::Protocol);
}

#[tokio::test]
async fn nobody_listens() {
    let model = model(provider(Adapter::OpenAi, "http://127.0.0.1:9"));
    let error = ask(&model, request()).await.error.unwrap();
    assert_eq!(error.kind, Kind::Unreachable);
    assert!(error.detail.contains("127.0.0.1:9"), "{error}");
}
