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
                vec![call("toolu_01", "time", r#"{"zone": "UTC"}"#)],
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
    assert_eq!(received[0].headers["anthropic-version"], "2023-06-01");
    let body: Value = serde_json::from_slice(&received[0].body).unwrap();
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "time", "input": {}});
    let result = |id: &str, content: &str| json!({"type": "tool_result", "tool_use_id": id, "content": content});
    let expected = json!({
        "model": "m1",
        "stream": true,
        "max_tokens": 4096,
        "system": "Be brief.",
        "tools": [{
            "name": "time",
            "description": "Tells the time.",
            "input_schema": {"type": "object", "properties": {"zone": {"type": "string"}}},
        }],
        "messages": [
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": [
                {"type": "text", "text": "Let me see."}, call("call_a"), call("call_b"),
            ]},
            {"role": "user", "content": [result("call_a", "1"), result("call_b", "2")]},
        ],
    });
    assert_eq!(body, expected);
}

async fn answer_with(events: &[Value]) -> Whole {
    let body: String = events
        .iter()
        .map(|event| format!("event: x\ndata: {event}\n\n"))
        .collect();
    let server = server(crate::support::events(body)).await;
    ask(
        &model(provider(Adapter::Anthropic, &server.uri())),
        request(),
    )
    .await
}

#[tokio::test]
async fn what_a_cache_held_is_part_of_the_prompt_and_unknown_events_pass() {
    let whole = answer_with(&[
        json!({"type": "message_start", "message": {"usage": {
            "input_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20,
            "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "novelty"}}),
        json!({"type": "something_new"}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": "Hi"}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 7}}),
    ])
    .await;
    let end = Some((vec![], FinishReason::Length, usage(125, 7)));
    assert_eq!(
        whole,
        Whole {
            text: "Hi".into(),
            end,
            ..Whole::default()
        }
    );
}

#[tokio::test]
async fn two_calls_at_once_and_a_refusal() {
    let block = |index: u64, id: &str| {
        json!({"type": "content_block_start", "index": index,
            "content_block": {"type": "tool_use", "id": id, "name": "time", "input": {}}})
    };
    let more = |index: u64, json: &str| {
        json!({"type": "content_block_delta", "index": index,
            "delta": {"type": "input_json_delta", "partial_json": json}})
    };
    let stop = |reason: &str| json!({"type": "message_delta", "delta": {"stop_reason": reason}});
    let whole = answer_with(&[
        block(1, "a"),
        block(2, "b"),
        more(2, r#"{"zone":"#),
        more(1, "{}"),
        more(2, r#""UTC"}"#),
        stop("tool_use"),
        json!({"type": "message_stop"}),
    ])
    .await;
    let (calls, finish, _) = whole.end.unwrap();
    assert_eq!(
        (calls, finish),
        (
            vec![
                call("a", "time", "{}"),
                call("b", "time", r#"{"zone":"UTC"}"#)
            ],
            FinishReason::ToolCalls
        )
    );
    let refused = answer_with(&[stop("refusal"), json!({"type": "message_stop"})]).await;
    assert_eq!(refused.end.unwrap().1, FinishReason::ContentFilter);
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
