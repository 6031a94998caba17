use serde_json::json;
use testkit::TestApp;

use crate::support::uuid;

#[tokio::test]
async fn without_approvals_there_is_nothing_to_decide() {
    let app = TestApp::start().await;
    let user = app.user().await;
    assert_eq!(
        user.get("/chat/approvals").await.expect(200),
        json!({ "approvals": [] })
    );
    let path = format!("/chat/approvals/{}", uuid());
    let hash = "0".repeat(64);
    let body = json!({ "decision": "approve", "arguments_hash": hash });
    user.post(&path, body).await.expect(404);
    for body in [
        json!({ "decision": "perhaps", "arguments_hash": hash }),
        json!({ "decision": "deny", "arguments_hash": hash, "scope": "conversation" }),
        json!({ "decision": "approve", "arguments_hash": hash, "scope": "forever" }),
        json!({ "decision": "approve", "arguments_hash": "x" }),
    ] {
        user.post(&path, body).await.expect(422);
    }
}
