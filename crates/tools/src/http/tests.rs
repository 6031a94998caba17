use std::time::Duration;

use agent::ports::{Tool, ToolPlan};
use domain::{ToolClass, ToolPolicy};
use serde_json::{Value, json};

use super::{HttpMethod, HttpTool, HttpToolConfig};
use crate::egress::Egress;
use crate::testing::context;
use crate::toolbox;

pub(crate) fn config() -> HttpToolConfig {
    HttpToolConfig {
        name: "note".to_owned(),
        description: "Writes a note.".to_owned(),
        schema: json!({
            "type": "object",
            "properties": {
                "id": { "type": "integer" },
                "text": { "type": "string", "pattern": "^[a-z ]+$" }
            },
            "required": ["id"],
            "additionalProperties": false
        }),
        method: HttpMethod::Post,
        url: "https://crm.example.org/c/{id}/notes".to_owned(),
        headers: vec![(
            "Authorization".to_owned(),
            "Bearer s3cret".to_owned().into(),
        )],
        class: ToolClass::Keyed,
        policy: ToolPolicy::Ask,
        timeout: Duration::from_secs(3),
        idempotency_header: Some("Idempotency-Key".to_owned()),
    }
}

fn tool(config: &HttpToolConfig) -> HttpTool {
    HttpTool::new(config, Egress::default()).unwrap()
}

#[test]
fn a_call_is_one_request() {
    let arguments = json!({"id": 7, "text": "hello there"});
    let request = tool(&config())
        .request(&context("UTC"), &arguments)
        .unwrap();
    assert_eq!(request.method(), "POST");
    assert_eq!(request.url().as_str(), "https://crm.example.org/c/7/notes");
    assert_eq!(request.timeout(), Some(&Duration::from_secs(3)));
    let body = request.body().unwrap().as_bytes().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(body).unwrap(), arguments);
    let header = |name: &str| request.headers()[name].to_str().unwrap();
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("authorization"), "Bearer s3cret");
    assert_eq!(
        header("idempotency-key"),
        "00000000-0000-0000-0000-000000000000"
    );
    assert!(!format!("{request:?}").contains("s3cret"));
    assert!(!format!("{:?}", config()).contains("s3cret"));
}

#[test]
fn a_get_has_no_body() {
    let config = HttpToolConfig {
        method: HttpMethod::Get,
        url: "http://127.0.0.1:1/c/{id}?text={text}".to_owned(),
        class: ToolClass::ReadOnly,
        idempotency_header: None,
        ..config()
    };
    let request = tool(&config)
        .request(&context("UTC"), &json!({"id": 1}))
        .unwrap();
    assert!(request.body().is_none());
    assert!(request.headers().get("content-type").is_none());
    assert_eq!(request.url().as_str(), "http://127.0.0.1:1/c/1?text=");
}

#[test]
fn arguments_that_do_not_fit_are_named_and_planned_for_nothing() {
    let tool = tool(&config());
    for (arguments, word) in [
        (json!({}), "id"),
        (json!({"id": "x"}), "/id"),
        (json!({"id": 1, "text": "A"}), "/text"),
        (json!({"id": 1, "more": 1}), "more"),
        (json!([]), "object"),
    ] {
        let error = match tool.plan(&context("UTC"), &arguments) {
            Err(error) => error,
            Ok(ToolPlan::Call(_) | ToolPlan::Commit(_)) => panic!("planned: {arguments}"),
        };
        assert!(error.detail.contains(word), "{arguments}: {error}");
        assert!(!error.unknown);
    }
}

#[test]
fn what_can_not_work_stops_the_start() {
    let with = |change: &dyn Fn(&mut HttpToolConfig)| {
        let mut changed = config();
        change(&mut changed);
        changed
    };
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned().into());
    for (bad, word) in [
        (with(&|c| c.name = "no spaces".into()), "name"),
        (with(&|c| c.name = "todo_add".into()), "built-in"),
        (with(&|c| c.description = " ".into()), "description"),
        (with(&|c| c.schema = json!({"type": "string"})), "object"),
        (
            with(&|c| c.schema = json!({"type": "object", "properties": {"id": {"type": "int"}}})),
            "schema",
        ),
        (
            with(&|c| c.schema = json!({"type": "object", "$ref": "https://example.org/s"})),
            "schema",
        ),
        (with(&|c| c.url = "https://h/{other}".into()), "{other}"),
        (with(&|c| c.url = "https://h/{text}".into()), "required"),
        (with(&|c| c.url = "https://{id}.h/".into()), "path"),
        (with(&|c| c.method = HttpMethod::Delete), "`text`"),
        (with(&|c| c.timeout = Duration::ZERO), "timeout"),
        (with(&|c| c.timeout = Duration::from_secs(56)), "timeout"),
        (
            with(&|c| c.class = ToolClass::Transactional),
            "transactional",
        ),
        (with(&|c| c.class = ToolClass::Effectful), "keyed"),
        (with(&|c| c.headers = vec![header("Host", "x")]), "host"),
        (with(&|c| c.headers = vec![header("a b", "x")]), "a b"),
        (with(&|c| c.headers = vec![header("x", "a\nb")]), "`x`"),
        (
            with(&|c| c.headers = vec![header("idempotency-key", "x")]),
            "idempotency-key",
        ),
    ] {
        let error = toolbox(std::slice::from_ref(&bad)).err().unwrap();
        assert_eq!(error.tool, bad.name);
        assert!(error.to_string().contains(word), "{word}: {error}");
    }
    assert!(toolbox(&[config(), config()]).is_err());
    let all = toolbox(&[config()]).unwrap();
    assert!(all.get("note").is_some() && all.get("todo_add").is_some());
}
