use agent::ports::{ModelErrorKind, ModelMessage};
use domain::{CallId, FinishReason, ToolCall};
use models::Adapter;
use serde_json::{Value, json};
use uuid::Uuid;
use wiremock::ResponseTemplate;

use crate::support::*;

#[tokio::test]
async fn text_and_tool_use() {
    assert_eq!(
        answer_to(Adapter::Anthropic, "anthropic-text-tool.sse").await,
        Whole {
            text: "Okay, checking.".into(),
            arguments: r#"{"zone": "UTC"}"#.into(),
            end: Some((
                vec![call("toolu_01", "time", r#"{"zone":"UTC"}"#)],
                FinishReason::ToolCalls,
                usage(472, 89)
            )),
            ..Whole::default()
        }
    );
}

#[tokio::test]
async fn thinking_is_reasoning() {
    assert_eq!(
        answer_to(Adapter::Anthropic, "anthropic-thinking.sse").await,
        Whole {
            reasoning: "Hm.".into(),
            ..Whole::text("Yes.", 472, 89)
        }
    );
}

#[tokio::test]
async fn a_stream_without_its_end_was_cut() {
    let whole = answer_to(Adapter::Anthropic, "anthropic-cut.sse").await;
    assert_eq!(whole.text, "Okay, checking.");
    assert_eq!(whole.error.unwrap().kind, ModelErrorKind::Interrupted);
}

#[tokio::test]
async fn overloaded_in_the_middle_and_at_the_start() {
    let whole = answer_to(Adapter::Anthropic, "anthropic-overloaded.sse").await;
    assert_eq!(
        (whole.text.as_str(), whole.error.unwrap().kind),
        ("Oka", ModelErrorKind::RateLimited)
    );
    let body =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let response = ResponseTemplate::new(529)
        .insert_header("retry-after", "3")
        .set_body_json(body);
    let server = server(response).await;
    let error = ask(
        &model(provider(Adapter::Anthropic, &server.uri())),
        request(),
    )
    .await
    .error
    .unwrap();
    assert_eq!(
        (error.kind, error.retry_after_ms),
        (ModelErrorKind::RateLimited, Some(3_000))
    );
}

#[tokio::test]
async fn the_request_goes_where_it_is_told_with_the_key_it_was_given() {
    let server = server(events(fixture("anthropic-text-tool.sse"))).await;
    let mut request = request();
    request.tools = vec![time_tool()];
    request.messages.extend([
        ModelMessage::Assistant {
            text: "Let me see.".into(),
            calls: ["call.a", "call.b"]
                .map(|id| ToolCall {
                    call_id: CallId(Uuid::from_u128(3)),
                    provider_id: id.into(),
                    name: "time".into(),
                    arguments: json!({}),
                })
                .to_vec(),
        },
        ModelMessage::ToolResult {
            provider_id: "call.a".into(),
            name: "time".into(),
            content: "1".into(),
        },
        ModelMessage::ToolResult {
            provider_id: "call.b".into(),
            name: "time".into(),
            content: "2".into(),
        },
    ]);
    ask(&model(provider(Adapter::Anthropic, &server.uri())), request).await;
    let received = server.received_requests().await.unwrap();
    assert_eq!(received[0].url.path(), "/v1/messages");
    assert_eq!(received[0].headers["x-api-key"], "the-key");
    let body: Value = serde_json::from_slice(&received[0].body).unwrap();
    assert_eq!(
        (&body["model"], &body["stream"]),
        (&json!("m1"), &json!(true))
    );
    let roles: Vec<&str> = body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|m| m["role"].as_str())
        .collect();
    assert_eq!(roles, ["user", "assistant", "user"]);
    let results = &body["messages"][2]["content"];
    assert_eq!(results[0]["tool_use_id"], "call_a");
    assert_eq!(results[1]["tool_use_id"], "call_b");
}

#[tokio::test]
async fn a_web_page_is_no_answer() {
    for adapter in [Adapter::Anthropic, Adapter::Gemini] {
        let page = ResponseTemplate::new(200).set_body_raw("<!DOCTYPE html><html>", "text/html");
        let server = server(page).await;
        let error = ask(&model(provider(adapter, &server.uri())), request())
            .await
            .error
            .unwrap();
        assert_eq!(error.kind, ModelErrorKind::Protocol);
        assert!(error.detail.contains("base URL"), "{error}");
    }
}
