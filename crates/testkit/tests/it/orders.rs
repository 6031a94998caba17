//! An HTTP tool that orders goods, its witness, and what is asked of both.

use domain::{ToolClass, ToolPolicy};
use serde_json::{Value, json};
use testkit::app::Options;
use testkit::{Client, TestApp, TestDatabase};
use tools::{HttpMethod, HttpToolConfig};

pub(crate) const ORDER: &str = r#"Order [[script: tool=order args={"sku":"A-1","n":2} tokens=3]]"#;

pub(crate) async fn databases() -> Vec<TestDatabase> {
    [Some(TestDatabase::sqlite()), TestDatabase::postgres().await]
        .into_iter()
        .flatten()
        .collect()
}

/// Effectful and asked for: what an operator gets who says nothing.
pub(crate) fn order(url: &str) -> HttpToolConfig {
    HttpToolConfig {
        name: "order".to_owned(),
        description: "Orders goods.".to_owned(),
        schema: json!({
            "type": "object",
            "properties": {
                "sku": { "type": "string", "minLength": 1 },
                "n": { "type": "integer", "minimum": 1 }
            },
            "required": ["sku"],
            "additionalProperties": false
        }),
        method: HttpMethod::Post,
        url: format!("{url}/orders/{{sku}}"),
        headers: vec![(
            "Authorization".to_owned(),
            "Bearer s3cret".to_owned().into(),
        )],
        class: ToolClass::Effectful,
        policy: ToolPolicy::Ask,
        timeout: HttpToolConfig::DEFAULT_TIMEOUT,
        idempotency_header: None,
    }
}

/// Made without asking.
pub(crate) fn allowed(url: &str) -> HttpToolConfig {
    HttpToolConfig {
        policy: ToolPolicy::Allow,
        ..order(url)
    }
}

pub(crate) async fn start(database: TestDatabase, tool: HttpToolConfig) -> TestApp {
    let options = Options {
        tools: tools::toolbox(&[tool]).unwrap(),
        ..Options::default()
    };
    TestApp::with(database, options).await
}

/// The server again, and the user as before, still signed in.
pub(crate) async fn restarted(app: TestApp, user: &Client) -> (TestApp, Client) {
    let token = user.token();
    let app = app.restart().await;
    let user = app.client();
    user.set_token(token);
    (app, user)
}

pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

/// Sends and waits until the run ends or asks.
pub(crate) async fn ask(user: &Client, content: &str) -> Value {
    user.send(json!({ "content": content })).await.expect(200)
}

/// The one approval that waits.
pub(crate) async fn waiting(user: &Client) -> Value {
    let mut listed = user.get("/chat/approvals").await.expect(200);
    let all = listed["approvals"].as_array_mut().unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

pub(crate) fn decision(approval: &Value, decision: &str) -> (String, Value) {
    let path = format!("/chat/approvals/{}", text(approval, "approval_id"));
    let hash = text(approval, "arguments_hash");
    (
        path,
        json!({ "decision": decision, "arguments_hash": hash }),
    )
}

pub(crate) async fn decide(user: &Client, approval: &Value, word: &str) -> Value {
    let (path, body) = decision(approval, word);
    user.post(&path, body).await.expect(200)
}

/// Follows a run to its end. Answers its state and the conversation, which is whole.
pub(crate) async fn ended(user: &Client, sent: &Value) -> (String, Vec<Value>) {
    let run = text(sent, "run_id");
    let mut events = user
        .try_events(&format!("/chat/runs/{run}/events"))
        .await
        .unwrap();
    while let Some(event) = events.next().await {
        event.unwrap();
    }
    let run = user.get(&format!("/chat/runs/{run}")).await.expect(200);
    let messages = user.messages(text(sent, "conversation_id")).await;
    assert_whole(&messages);
    (text(&run, "state").to_owned(), messages)
}

/// Every call has exactly one result behind it, and no message is left open.
pub(crate) fn assert_whole(messages: &[Value]) {
    let calls = |kind: &str| -> Vec<&str> {
        let of_kind = messages.iter().filter(|m| m["message_type"] == kind);
        of_kind
            .map(|m| text(&m["additional_data"], "call_id"))
            .collect()
    };
    assert_eq!(calls("tool_call"), calls("tool_result"));
    for message in messages {
        let open = ["queued", "streaming", "awaiting_approval"];
        assert!(!open.contains(&text(message, "status")), "{message}");
    }
}

pub(crate) fn of_type<'a>(messages: &'a [Value], kind: &str) -> &'a Value {
    let mut found = messages.iter().filter(|m| m["message_type"] == kind);
    let first = found.next().unwrap();
    assert!(found.next().is_none(), "more than one {kind}");
    first
}

/// State of the call as its message has it, `tool_success`, and the result.
pub(crate) fn outcome(messages: &[Value]) -> (&str, &str, &Value) {
    let call = &of_type(messages, "tool_call")["additional_data"];
    let result = of_type(messages, "tool_result");
    (
        text(call, "state"),
        text(result, "tool_success"),
        &result["additional_data"]["result"],
    )
}

/// What the model was last told of the call.
pub(crate) fn told(app: &TestApp) -> String {
    let request = app.model.answers().pop().unwrap();
    let result = request.messages().iter().rfind(|m| m["role"] == "tool");
    result.unwrap()["content"].to_string()
}

/// The next turn of a conversation works, whatever happened in it.
pub(crate) async fn next_turn_works(user: &Client, sent: &Value) {
    let id = text(sent, "conversation_id");
    let body = json!({ "content": "And now? [[script: tokens=1]]", "conversation_id": id });
    let again = user.send(body).await.expect(200);
    assert_eq!(again["ai_message"]["status"], "complete");
}
