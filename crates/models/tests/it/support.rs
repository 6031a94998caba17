//! Catalogs on a mock server, requests, and answers taken whole.

use std::path::PathBuf;
use std::sync::Arc;

use agent::ports::{
    Model, ModelCatalog, ModelChunk, ModelError, ModelMessage, ModelRequest, RawToolCall, ToolSpec,
};
use domain::{ConversationId, FinishReason, RunId, Usage};
use futures::StreamExt;
use models::{Adapter, Catalog, ProviderConfig};
use serde_json::json;
use uuid::Uuid;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

pub fn fixture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn provider(adapter: Adapter, base_url: &str) -> ProviderConfig {
    ProviderConfig {
        name: "acme".into(),
        adapter,
        base_url: base_url.into(),
        api_key: Some("the-key".into()),
        default_model: Some("m1".into()),
        models: vec![],
        context_window: None,
        prefill: false,
    }
}

pub fn model(config: ProviderConfig) -> Arc<dyn Model> {
    let catalog = Catalog::new(vec![config], None, vec![]).unwrap();
    let default = catalog.default_id().unwrap();
    catalog.model(&default).unwrap()
}

pub fn request() -> ModelRequest {
    ModelRequest {
        conversation_id: ConversationId(Uuid::from_u128(1)),
        run_id: RunId(Uuid::from_u128(2)),
        system: "Be brief.".into(),
        messages: vec![ModelMessage::User("Hello".into())],
        tools: vec![],
        prefill: None,
        max_output_tokens: None,
    }
}

pub fn time_tool() -> ToolSpec {
    ToolSpec {
        name: "time".into(),
        description: "Tells the time.".into(),
        schema: json!({"type": "object", "properties": {"zone": {"type": "string"}}}),
    }
}

/// An answer put together, and how it ended.
#[derive(Debug, Default, PartialEq)]
pub struct Whole {
    pub text: String,
    pub reasoning: String,
    pub arguments: String,
    pub end: Option<(Vec<RawToolCall>, FinishReason, Usage)>,
    pub error: Option<ModelError>,
}

impl Whole {
    pub fn text(text: &str, prompt: i64, completion: i64) -> Self {
        Self {
            text: text.into(),
            end: Some((vec![], FinishReason::Stop, usage(prompt, completion))),
            ..Self::default()
        }
    }
}

pub fn usage(prompt_tokens: i64, completion_tokens: i64) -> Usage {
    Usage {
        prompt_tokens,
        completion_tokens,
    }
}

pub fn call(provider_id: &str, name: &str, arguments: &str) -> RawToolCall {
    RawToolCall {
        provider_id: provider_id.into(),
        name: name.into(),
        arguments: arguments.into(),
    }
}

pub async fn ask(model: &Arc<dyn Model>, request: ModelRequest) -> Whole {
    let mut whole = Whole::default();
    let mut stream = match model.answer(request).await {
        Ok(stream) => stream,
        Err(error) => {
            return Whole {
                error: Some(error),
                ..whole
            };
        }
    };
    while let Some(item) = stream.next().await {
        assert!(
            whole.end.is_none() && whole.error.is_none(),
            "something after the end: {item:?}"
        );
        match item {
            Ok(ModelChunk::Text(text)) => whole.text.push_str(&text),
            Ok(ModelChunk::Reasoning(text)) => whole.reasoning.push_str(&text),
            Ok(ModelChunk::ToolArguments(text)) => whole.arguments.push_str(&text),
            Ok(ModelChunk::End {
                calls,
                finish,
                usage,
            }) => whole.end = Some((calls, finish, usage)),
            Ok(ModelChunk::Queued { .. }) => panic!("remote models have no queue of ours"),
            Err(error) => whole.error = Some(error),
        }
    }
    assert!(
        whole.end.is_some() || whole.error.is_some(),
        "neither an end nor an error"
    );
    whole
}

pub fn events(body: impl Into<String>) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body.into(), "text/event-stream")
}

/// A server that answers every POST in one way.
pub async fn server(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

/// The answer of an endpoint that sends this fixture.
pub async fn answer_to(adapter: Adapter, name: &str) -> Whole {
    let server = server(events(fixture(name))).await;
    ask(&model(provider(adapter, &server.uri())), request()).await
}
