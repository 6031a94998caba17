use std::sync::Arc;

use agent::ports::{
    Model, ModelCatalog, ModelError, ModelErrorKind, ModelInfo, ModelList, ModelRequest,
    ModelStream,
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
fn the_default_is_chosen_then_the_first_providers_then_built_in() {
    let default = |providers: Vec<ProviderConfig>, id: Option<&str>| {
        Catalog::new(providers, id.map(Into::into), local())
            .unwrap()
            .default_id()
    };
    let both = || vec![named("a", Some("m")), named("b", Some("n"))];
    assert_eq!(default(both(), Some("b/x")).as_deref(), Some("b/x"));
    assert_eq!(default(both(), None).as_deref(), Some("a/m"));
    // Only its endpoint knows; nobody steps in for it.
    let waiting = vec![named("a", None), named("b", Some("m"))];
    assert_eq!(default(waiting, None), None);
    assert_eq!(default(vec![named("a", None)], None), None);
    assert_eq!(default(vec![], None).as_deref(), Some("local/tiny"));
    assert_eq!(
        Catalog::new(vec![], None, vec![]).unwrap().default_id(),
        None
    );
}

/// An endpoint that lists these models.
async fn listing(names: &[&str]) -> MockServer {
    let server = MockServer::start().await;
    let data: Vec<_> = names.iter().map(|name| json!({ "id": name })).collect();
    Mock::given(path("/models"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "data": data })))
        .mount(&server)
        .await;
    server
}

fn unnamed(base_url: &str) -> ProviderConfig {
    ProviderConfig {
        default_model: None,
        ..provider(Adapter::OpenAi, base_url)
    }
}

async fn default_of(config: ProviderConfig) -> Result<String, ModelError> {
    let catalog = Catalog::new(vec![config], None, local()).unwrap();
    let model = catalog.default_model().await?;
    assert_eq!(catalog.default_id().as_ref(), Some(&model.info().id));
    Ok(model.info().id.clone())
}

#[tokio::test]
async fn an_endpoint_without_a_named_model_is_asked_for_its_list() {
    let server = listing(&["m2", "m1"]).await;
    assert_eq!(
        default_of(unnamed(&server.uri())).await.as_deref(),
        Ok("acme/m1")
    );
    // What the operator named is not asked for.
    let mut config = unnamed(&server.uri());
    config.models = vec!["m3".into()];
    assert_eq!(default_of(config).await.as_deref(), Ok("acme/m3"));
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_default_that_cannot_be_had_names_its_provider() {
    let dead = default_of(unnamed("http://127.0.0.1:9")).await.unwrap_err();
    assert_eq!(dead.kind, ModelErrorKind::Unreachable);
    assert!(
        dead.detail
            .starts_with("acme can't be reached at 127.0.0.1:9"),
        "{dead}"
    );

    let nothing = listing(&["text-embedding-3-small"]).await;
    let empty = default_of(unnamed(&nothing.uri())).await.unwrap_err();
    assert_eq!(empty.kind, ModelErrorKind::NotConfigured);
    assert!(empty.detail.starts_with("acme at 127.0.0.1:"), "{empty}");

    let no_list = MockServer::start().await;
    let refused = default_of(unnamed(&no_list.uri())).await.unwrap_err();
    assert_eq!(refused.kind, ModelErrorKind::Refused);
    assert!(
        refused
            .detail
            .ends_with("name the model that is to answer: --model acme/NAME."),
        "{refused}"
    );

    let nobody = Catalog::new(vec![], None, vec![]).unwrap();
    let nobody = nobody.default_model().await.err().unwrap();
    assert_eq!(nobody.kind, ModelErrorKind::NotConfigured);
}

#[test]
fn names_resolve_or_say_what_to_do() {
    let catalog = Catalog::new(vec![named("a", None)], None, local()).unwrap();
    let info = |id| catalog.model(id).map(|model| model.info().clone());
    assert_eq!(info("a/org/model-1:q4").unwrap().label, "org/model-1:q4");
    assert!(info("local/tiny").unwrap().built_in);
    for id in ["", "model", "b/m", "a/", "a/../m", "a/m?x", "local/other"] {
        let error = info(id).unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::NotConfigured, "{id}");
        assert!(error.detail.ends_with('.'), "{error}");
    }
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
    assert!(refused(vec![], Some("local/tiny")).is_some());
    let known = |id: &str| Catalog::new(vec![], Some(id.into()), local()).map(drop);
    assert_eq!(known("local/tiny"), Ok(()));
    let error = known("local/other").unwrap_err().to_string();
    assert!(error.contains("there is local/tiny"), "{error}");
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
        let ModelList { models, unlisted } = catalog.list().await;
        let list = &models;
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
        let silent: Vec<&str> = unlisted.iter().map(|u| u.provider.as_str()).collect();
        assert_eq!(silent, ["down"]);
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
    // The rest is the machine's: it may be busy with other things.
    let listed = tokio::time::timeout(std::time::Duration::from_secs(10), catalog.list()).await;
    let listed = listed.unwrap();
    assert_eq!(listed.models.len(), 1);
    let error = &listed.unlisted[0].error;
    assert_eq!(error.kind, ModelErrorKind::Unreachable);
    assert!(
        error.detail.contains("did not answer within 2 seconds"),
        "{error}"
    );
}

#[tokio::test]
async fn that_a_list_could_not_be_had_is_not_remembered() {
    let server = MockServer::start().await;
    Mock::given(path("/models"))
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    let catalog = Catalog::new(vec![unnamed(&server.uri())], None, local()).unwrap();
    let first = catalog.list().await;
    assert_eq!(first.unlisted[0].error.kind, ModelErrorKind::Upstream);
    assert_eq!(catalog.default_id(), None);

    // It has come up by now.
    Mock::given(path("/models"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"data": [{"id": "m1"}]})))
        .mount(&server)
        .await;
    let second = catalog.list().await;
    assert_eq!(second.unlisted, []);
    assert_eq!(catalog.default_id().as_deref(), Some("acme/m1"));
    assert_eq!(second.models[0].id, "acme/m1");
}

#[tokio::test]
async fn who_waits_for_a_silent_endpoint_waits_once() {
    let server = MockServer::start().await;
    Mock::given(path("/models"))
        .respond_with(ResponseTemplate::new(503).set_delay(std::time::Duration::from_millis(200)))
        .mount(&server)
        .await;
    let catalog = Catalog::new(vec![unnamed(&server.uri())], None, local()).unwrap();
    let (one, two, three) = tokio::join!(catalog.list(), catalog.list(), catalog.list());
    assert_eq!((&one, &two), (&two, &three));
    assert_eq!(one.unlisted.len(), 1);
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}
