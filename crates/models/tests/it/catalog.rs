use std::sync::Arc;

use agent::ports::{
    Model, ModelCatalog, ModelError, ModelErrorKind, ModelInfo, ModelRequest, ModelStream,
};
use async_trait::async_trait;
use models::{Adapter, Catalog, ProviderConfig};
use serde_json::json;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::provider;

struct Local(ModelInfo);

#[async_trait]
impl Model for Local {
    fn info(&self) -> &ModelInfo {
        &self.0
    }
    async fn answer(&self, _: ModelRequest) -> Result<ModelStream, ModelError> {
        Err(ModelError::new(ModelErrorKind::RateLimited, "busy"))
    }
}

fn local() -> Vec<Arc<dyn Model>> {
    vec![Arc::new(Local(ModelInfo {
        id: "local/tiny".into(),
        label: "Tiny".into(),
        provider: "local".into(),
        built_in: true,
        context_window: 4_096,
        tools: false,
        prefill: true,
    }))]
}

fn named(name: &str, default_model: Option<&str>) -> ProviderConfig {
    ProviderConfig {
        name: name.into(),
        default_model: default_model.map(Into::into),
        ..provider(Adapter::OpenAi, "http://127.0.0.1:9")
    }
}

#[test]
fn the_default_is_chosen_then_configured_then_built_in() {
    let default = |providers: Vec<ProviderConfig>, id: Option<&str>| {
        Catalog::new(providers, id.map(Into::into), local())
            .unwrap()
            .default_id()
    };
    let both = || vec![named("a", None), named("b", Some("m"))];
    assert_eq!(default(both(), Some("b/x")).as_deref(), Some("b/x"));
    assert_eq!(default(both(), None).as_deref(), Some("b/m"));
    assert_eq!(
        default(vec![named("a", None)], None).as_deref(),
        Some("local/tiny")
    );
    assert_eq!(default(vec![], None).as_deref(), Some("local/tiny"));
    assert_eq!(
        Catalog::new(vec![], None, vec![]).unwrap().default_id(),
        None
    );
}

#[test]
fn names_resolve_or_say_what_to_do() {
    let catalog = Catalog::new(vec![named("a", None)], None, local()).unwrap();
    let info = |id| catalog.model(id).map(|model| model.info().clone());
    assert_eq!(
        info(Some("a/org/model-1:q4")).unwrap().label,
        "org/model-1:q4"
    );
    assert!(info(None).unwrap().built_in);
    for id in ["", "model", "b/m", "a/", "a/../m", "a/m?x", "local/other"] {
        let error = info(Some(id)).unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::NotConfigured, "{id}");
        assert!(error.detail.ends_with('.'), "{error}");
    }
    let nothing = Catalog::new(vec![], None, vec![])
        .unwrap()
        .model(None)
        .err()
        .unwrap();
    assert_eq!(nothing.kind, ModelErrorKind::NotConfigured);
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let refused = |providers, id: Option<&str>| {
        Catalog::new(providers, id.map(Into::into), vec![])
            .err()
            .map(|error| error.to_string())
    };
    assert!(refused(vec![named("a", None), named("a", None)], None).is_some());
    assert!(refused(vec![named("local", None)], None).is_some());
    assert!(refused(vec![named("A b", None)], None).is_some());
    assert!(refused(vec![named("a", Some("b c"))], None).is_some());
    assert!(refused(vec![], Some("no-slash")).is_some());
}

#[tokio::test]
async fn lists_are_merged_and_remembered() {
    let server = MockServer::start().await;
    Mock::given(path("/models"))
        .respond_with(ResponseTemplate::new(200).set_body_json(
            json!({"data": [{"id": "z"}, {"id": "m2", "max_model_len": 9_000}, {"id": "m1"}]}),
        ))
        .expect(1)
        .mount(&server)
        .await;
    let mut first = provider(Adapter::OpenAi, &server.uri());
    first.models = vec!["m3".into()];
    let catalog = Catalog::new(
        vec![first, named("down", Some("d"))],
        Some("acme/m3".into()),
        local(),
    )
    .unwrap();
    for _ in 0..2 {
        let list = catalog.list().await;
        let ids: Vec<&str> = list.iter().map(|info| info.id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "acme/m3",
                "acme/m1",
                "acme/m2",
                "acme/z",
                "down/d",
                "local/tiny"
            ]
        );
        assert_eq!(list[2].context_window, 9_000);
    }
    let received = server.received_requests().await.unwrap();
    assert_eq!(received[0].headers["authorization"], "Bearer the-key");
}

#[tokio::test]
async fn a_silent_endpoint_holds_the_list_up_for_two_seconds_at_most() {
    let server = MockServer::start().await;
    Mock::given(path("/models"))
        .respond_with(ResponseTemplate::new(200).set_delay(std::time::Duration::from_secs(60)))
        .mount(&server)
        .await;
    let catalog =
        Catalog::new(vec![provider(Adapter::OpenAi, &server.uri())], None, vec![]).unwrap();
    let listed = tokio::time::timeout(std::time::Duration::from_secs(4), catalog.list()).await;
    assert_eq!(listed.unwrap().len(), 1);
}
