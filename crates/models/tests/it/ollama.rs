use agent::ports::ModelCatalog;
use domain::FinishReason;
use models::{Adapter, Catalog};
use serde_json::{Value, json};
use wiremock::matchers::{body_partial_json, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::*;

#[tokio::test]
async fn its_documented_stream() {
    let server = server(events(fixture("ollama.sse"))).await;
    let whole = ask(&model(provider(Adapter::Ollama, &server.uri())), request()).await;
    assert_eq!(
        whole,
        Whole {
            text: "Blue sky".into(),
            arguments: "{}".into(),
            end: Some((
                vec![call("call_x1", "time", "{}")],
                FinishReason::ToolCalls,
                usage(26, 9)
            )),
            ..Whole::default()
        }
    );
    let received = server.received_requests().await.unwrap();
    assert_eq!(received[0].url.path(), "/v1/chat/completions");
}

#[tokio::test]
async fn a_model_without_tools_answers_in_words() {
    let server = MockServer::start().await;
    Mock::given(body_partial_json(json!({"tools": [{}]})))
        .respond_with(ResponseTemplate::new(400).set_body_json(json!({"error": {
            "message": "registry/tiny:latest does not support tools",
            "type": "api_error",
        }})))
        .with_priority(1)
        .mount(&server)
        .await;
    Mock::given(method("POST"))
        .respond_with(events(fixture("openai-text.sse")))
        .with_priority(2)
        .mount(&server)
        .await;
    let catalog =
        Catalog::new(vec![provider(Adapter::Ollama, &server.uri())], None, vec![]).unwrap();
    let mut request = request();
    request.tools = vec![time_tool()];
    for _ in 0..2 {
        let whole = ask(&catalog.model("acme/m1").unwrap(), request.clone()).await;
        assert_eq!(whole, Whole::text("Hello, world", 12, 3));
    }
    assert!(!catalog.model("acme/m1").unwrap().info().tools);
    let received = server.received_requests().await.unwrap();
    let with_tools = received.iter().filter(|request| {
        serde_json::from_slice::<Value>(&request.body)
            .unwrap()
            .get("tools")
            .is_some()
    });
    assert_eq!((with_tools.count(), received.len()), (1, 3));
}

#[tokio::test]
async fn its_list() {
    let server = MockServer::start().await;
    Mock::given(path("/api/tags"))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json(json!({"models": [{"name": "llama3.2:latest"}]})),
        )
        .mount(&server)
        .await;
    let mut config = provider(Adapter::Ollama, &server.uri());
    config.default_model = None;
    let catalog = Catalog::new(vec![config], None, vec![]).unwrap();
    assert_eq!(catalog.default_id(), None);
    let ids: Vec<String> = catalog
        .list()
        .await
        .models
        .into_iter()
        .map(|info| info.id)
        .collect();
    assert_eq!(ids, ["acme/llama3.2:latest"]);
    assert_eq!(
        catalog.default_id().as_deref(),
        Some("acme/llama3.2:latest")
    );
}
