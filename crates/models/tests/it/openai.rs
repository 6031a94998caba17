use agent::ports::ModelMessage;
use domain::{CallId, FinishReason, ToolCall};
use models::Adapter;
use serde_json::{Value, json};
use uuid::Uuid;
use wiremock::matchers::{body_partial_json, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::*;

async fn openai(name: &str) -> Whole {
    answer_to(Adapter::OpenAi, name).await
}

#[tokio::test]
async fn text_usage_and_finish() {
    assert_eq!(
        openai("openai-text.sse").await,
        Whole::text("Hello, world", 12, 3)
    );
}

#[tokio::test]
async fn an_empty_usage_is_zero() {
    assert_eq!(
        openai("openai-empty-usage.sse").await,
        Whole::text("Hi", 0, 0)
    );
}

#[tokio::test]
async fn reasoning_under_both_names() {
    let expected = Whole {
        reasoning: "Let me think.".into(),
        ..Whole::text("42", 12, 3)
    };
    assert_eq!(openai("openai-reasoning.sse").await, expected);
    assert_eq!(openai("openai-reasoning-content.sse").await, expected);
}

#[tokio::test]
async fn tool_calls_with_and_without_numbers() {
    let expected = Whole {
        arguments: r#"{"zone":"UTC"}{"x":"1+1"}"#.into(),
        end: Some((
            vec![
                call("call_a", "time", r#"{"zone":"UTC"}"#),
                call("call_b", "calculator", r#"{"x":"1+1"}"#),
            ],
            FinishReason::ToolCalls,
            usage(12, 3),
        )),
        ..Whole::default()
    };
    assert_eq!(openai("openai-tools.sse").await, expected);
    assert_eq!(openai("openai-tools-no-index.sse").await, expected);
}

#[tokio::test]
async fn a_repeated_call_id_belongs_to_the_first() {
    let whole = openai("openai-tools-duplicate-ids.sse").await;
    assert_eq!(
        whole.end.map(|end| end.0),
        Some(vec![
            call("call_a", "time", r#"{"zone":"UTC"}"#),
            call("", "time", r#"{"zone":"Europe/Rome"}"#),
        ])
    );
}

#[tokio::test]
async fn a_truncated_call_is_marked_by_its_finish() {
    let whole = openai("openai-tools-length.sse").await;
    assert_eq!(
        whole.end,
        Some((
            vec![call("call_a", "time", r#"{"zo"#)],
            FinishReason::Length,
            usage(12, 3)
        ))
    );
}

#[tokio::test]
async fn the_end_mark_or_a_finish_reason_makes_it_whole() {
    assert_eq!(
        openai("openai-no-finish.sse").await,
        Whole::text("Hi", 0, 0)
    );
    assert_eq!(openai("openai-no-done.sse").await, Whole::text("Hi", 12, 3));
}

#[tokio::test]
async fn nul_never_reaches_the_store() {
    assert_eq!(openai("openai-nul.sse").await.text, "a\u{fffd}b");
}

#[tokio::test]
async fn an_answer_that_was_not_streamed() {
    let body = json!({
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 1},
    });
    let server = server(ResponseTemplate::new(200).set_body_json(body)).await;
    let whole = ask(&model(provider(Adapter::OpenAi, &server.uri())), request()).await;
    assert_eq!(whole, Whole::text("Hi", 5, 1));
}

#[tokio::test]
async fn the_request_holds_the_branch_tools_and_key() {
    let server = server(events(fixture("openai-text.sse"))).await;
    let mut request = request();
    request.tools = vec![time_tool()];
    request.max_output_tokens = Some(64);
    request.prefill = Some("ignored: this endpoint can't".into());
    request.messages = vec![
        ModelMessage::User("What time is it?".into()),
        ModelMessage::Assistant {
            text: String::new(),
            calls: vec![ToolCall {
                call_id: CallId(Uuid::from_u128(3)),
                provider_id: "call_a".into(),
                name: "time".into(),
                arguments: json!({"zone": "UTC"}),
            }],
        },
        ModelMessage::ToolResult {
            provider_id: "call_a".into(),
            name: "time".into(),
            content: r#"{"time":"12:00"}"#.into(),
        },
    ];
    ask(&model(provider(Adapter::OpenAi, &server.uri())), request).await;
    let received = server.received_requests().await.unwrap();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].url.path(), "/chat/completions");
    assert_eq!(received[0].headers["authorization"], "Bearer the-key");
    assert_eq!(
        serde_json::from_slice::<Value>(&received[0].body).unwrap(),
        json!({
            "model": "m1",
            "stream": true,
            "stream_options": {"include_usage": true},
            "max_tokens": 64,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "What time is it?"},
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "call_a", "type": "function",
                     "function": {"name": "time", "arguments": "{\"zone\":\"UTC\"}"}},
                ]},
                {"role": "tool", "tool_call_id": "call_a", "content": "{\"time\":\"12:00\"}"},
            ],
            "tools": [{"type": "function", "function": {
                "name": "time",
                "description": "Tells the time.",
                "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}},
            }}],
        })
    );
}

#[tokio::test]
async fn an_endpoint_that_can_goes_on_from_a_partial_answer() {
    let server = server(events(fixture("openai-text.sse"))).await;
    let mut config = provider(Adapter::OpenAi, &server.uri());
    config.prefill = true;
    let mut request = request();
    request.prefill = Some("Well".into());
    ask(&model(config), request).await;
    let received = server.received_requests().await.unwrap();
    let body: Value = serde_json::from_slice(&received[0].body).unwrap();
    assert_eq!(
        body["messages"][2],
        json!({"role": "assistant", "content": "Well"})
    );
    assert_eq!(body["continue_final_message"], json!(true));
    assert_eq!(body["add_generation_prompt"], json!(false));
}

#[tokio::test]
async fn an_endpoint_that_knows_no_usage_option_is_asked_without() {
    let server = MockServer::start().await;
    Mock::given(body_partial_json(json!({"stream_options": {}})))
        .respond_with(
            ResponseTemplate::new(422)
                .set_body_json(json!({"detail": "extra fields not permitted: stream_options"})),
        )
        .with_priority(1)
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .respond_with(events(fixture("openai-text.sse")))
        .with_priority(2)
        .mount(&server)
        .await;
    let model = model(provider(Adapter::OpenAi, &server.uri()));
    for _ in 0..2 {
        assert_eq!(
            ask(&model, request()).await,
            Whole::text("Hello, world", 12, 3)
        );
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
}
