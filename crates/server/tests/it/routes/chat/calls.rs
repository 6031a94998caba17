use serde_json::json;
use testkit::TestApp;

use crate::support::uuid;

#[tokio::test]
async fn without_unknown_outcomes_there_is_nothing_to_say() {
    let app = TestApp::start().await;
    let user = app.user().await;
    for path in ["/chat/calls", "/chat/calls?state=unknown"] {
        assert_eq!(user.get(path).await.expect(200), json!({ "calls": [] }));
    }
    user.get("/chat/calls?state=failed").await.expect(422);
    let path = format!("/chat/calls/{}", uuid());
    user.get(&path).await.expect(404);
    user.post(&path, json!({ "decision": "happened" }))
        .await
        .expect(404);
    user.post(&path, json!({ "decision": "perhaps" }))
        .await
        .expect(422);
    user.post(&path, json!({ "decision": "happened", "x": 1 }))
        .await
        .expect(422);
}
