use serde_json::json;
use testkit::TestApp;

#[tokio::test]
async fn models_are_listed_with_the_default() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let models = user.get("/models").await.expect(200);
    assert_eq!(models["default"], "openai/scripted");
    let first = &models["models"][0];
    assert_eq!(first["id"], "openai/scripted");
    assert_eq!(first["provider"], "openai");
    assert_eq!(first["built_in"], false);
}

#[tokio::test]
async fn tools_are_listed_with_their_class() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let tools = user.get("/tools").await.expect(200);
    let todo = tools["tools"]
        .as_array()
        .unwrap()
        .iter()
        .find(|tool| tool["name"] == "todo_add");
    let todo = todo.unwrap();
    assert_eq!(todo["class"], "transactional");
    assert_eq!(todo["policy"], "allow");
    assert_eq!(todo["schema"]["type"], json!("object"));
}
