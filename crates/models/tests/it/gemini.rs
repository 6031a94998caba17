use agent::ports::{ModelErrorKind, ModelMessage};
use domain::{CallId, FinishReason, ToolCall};
use models::Adapter;
use serde_json::{Value, json};
use uuid::Uuid;
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

#[tokio::test]
async fn a_turn_with_tools_goes_out_in_its_form() {
    let server = server(events(fixture("gemini-text.sse"))).await;
    let mut request = request();
    request.tools = vec![time_tool()];
    request.max_output_tokens = Some(99);
    request.messages.extend([
        ModelMessage::Assistant {
            text: "Let me see.".into(),
            calls: ["", "b"]
                .map(|id| ToolCall {
                    call_id: CallId(Uuid::from_u128(3)),
                    provider_id: id.into(),
                    name: "time".into(),
                    arguments: json!({"zone": "UTC"}),
                })
                .to_vec(),
        },
        ModelMessage::ToolResult {
            provider_id: String::new(),
            name: "time".into(),
            content: "1".into(),
        },
        ModelMessage::ToolResult {
            provider_id: "b".into(),
            name: "time".into(),
            content: "2".into(),
        },
    ]);
    let mut config = provider(Adapter::Gemini, &server.uri());
    config.default_model = Some("gemini-3-x".into());
    ask(&model(config), request).await;
    let received = server.received_requests().await.unwrap();
    assert_eq!(received[0].url.query(), Some("alt=sse"));
    let body: Value = serde_json::from_slice(&received[0].body).unwrap();
    let response = |content: &str| json!({"name": "time", "content": content});
    let expected = json!({
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {"maxOutputTokens": 99},
        "tools": [{"functionDeclarations": [{
            "name": "time",
            "description": "Tells the time.",
            "parametersJsonSchema": {"type": "object", "properties": {"zone": {"type": "string"}}},
        }]}],
        "contents": [
            {"role": "user", "parts": [{"text": "Hello"}]},
            {"role": "model", "parts": [
                {"text": "Let me see."},
                {"functionCall": {"name": "time", "args": {"zone": "UTC"}},
                    "thoughtSignature": "skip_thought_signature_validator"},
                {"functionCall": {"name": "time", "args": {"zone": "UTC"}, "id": "b"}},
            ]},
            {"role": "user", "parts": [
                {"functionResponse": {"name": "time", "response": response("1")}},
                {"functionResponse": {"name": "time", "response": response("2"), "id": "b"}},
            ]},
        ],
    });
    assert_eq!(body, expected);
}

async fn answer_with(pieces: &[Value]) -> Whole {
    let body: String = pieces
        .iter()
        .map(|piece| format!("data: {piece}\r\n\r\n"))
        .collect();
    let server = server(events(body)).await;
    ask(&model(provider(Adapter::Gemini, &server.uri())), request()).await
}

#[tokio::test]
async fn thoughts_are_reasoning_and_paid_for() {
    let whole = answer_with(&[
        json!({"candidates": [{"content": {"parts": [
            {"text": "Hm.", "thought": true}, {"text": "Yes."}]}}]}),
        json!({"candidates": [{"finishReason": "MAX_TOKENS"}], "usageMetadata": {
            "promptTokenCount": 8, "toolUsePromptTokenCount": 2,
            "candidatesTokenCount": 5, "thoughtsTokenCount": 30}}),
    ])
    .await;
    assert_eq!(
        whole,
        Whole {
            text: "Yes.".into(),
            reasoning: "Hm.".into(),
            end: Some((vec![], FinishReason::Length, usage(10, 35))),
            ..Whole::default()
        }
    );
}

#[tokio::test]
async fn calls_of_one_tool_stay_apart() {
    let call = |zone: &str| json!({"functionCall": {"name": "time", "args": {"zone": zone}}});
    let whole = answer_with(&[
        json!({"candidates": [{"content": {"parts": [call("UTC"), call("CET")]},
            "finishReason": "STOP"}]}),
    ])
    .await;
    let arguments: Vec<String> = whole
        .end
        .unwrap()
        .0
        .into_iter()
        .map(|call| call.arguments)
        .collect();
    assert_eq!(arguments, [r#"{"zone":"UTC"}"#, r#"{"zone":"CET"}"#]);
}

#[tokio::test]
async fn a_blocked_question_and_an_error_in_the_stream() {
    let blocked = answer_with(&[json!({"promptFeedback": {"blockReason": "SAFETY"}})]).await;
    assert_eq!(blocked.end.unwrap().1, FinishReason::ContentFilter);
    let failed = answer_with(&[
        json!({"candidates": [{"content": {"parts": [{"text": "On"}]}}]}),
        json!({"error": {"code": 503, "status": "UNAVAILABLE", "message": "overloaded"}}),
    ])
    .await;
    assert_eq!(failed.text, "On");
    let kind = failed.error.unwrap().kind;
    assert!(
        matches!(kind, ModelErrorKind::Upstream | ModelErrorKind::RateLimited),
        "{kind:?}"
    );
}
