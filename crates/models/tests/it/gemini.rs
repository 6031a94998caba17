use agent::ports::ModelErrorKind;
use domain::FinishReason;
use models::Adapter;
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::support::*;

#[tokio::test]
async fn text_usage_and_finish() {
    let server = server(events(fixture("gemini-text.sse"))).await;
    let whole = ask(&model(provider(Adapter::Gemini, &server.uri())), request()).await;
    assert_eq!(whole, Whole::text("Once upon a time.", 8, 5));
    let received = server.received_requests().await.unwrap();
    assert_eq!(
        received[0].url.path(),
        "/v1beta/models/m1:streamGenerateContent"
    );
    assert_eq!(received[0].headers["x-goog-api-key"], "the-key");
}

#[tokio::test]
async fn a_function_call() {
    let whole = answer_to(Adapter::Gemini, "gemini-tool.sse").await;
    let (calls, finish, _) = whole.end.unwrap();
    assert_eq!(
        (whole.text.as_str(), finish),
        ("Looking.", FinishReason::ToolCalls)
    );
    assert_eq!(calls.len(), 1);
    assert_eq!(
        (calls[0].name.as_str(), calls[0].arguments.as_str()),
        ("time", r#"{"zone":"UTC"}"#)
    );
}

#[tokio::test]
async fn a_stream_without_its_end_was_cut() {
    let whole = answer_to(Adapter::Gemini, "gemini-cut.sse").await;
    assert_eq!(whole.text, "Once");
    assert_eq!(whole.error.unwrap().kind, ModelErrorKind::Interrupted);
}

#[tokio::test]
async fn a_refused_key() {
    let body =
        json!({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "no the-key"}});
    let server = server(ResponseTemplate::new(403).set_body_json(body)).await;
    let error = ask(&model(provider(Adapter::Gemini, &server.uri())), request())
        .await
        .error
        .unwrap();
    assert_eq!(error.kind, ModelErrorKind::Auth);
    assert!(!error.detail.contains("the-key"), "{error}");
}
