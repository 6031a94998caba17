use domain::store::UserStore;
use domain::{Signal, UserId};
use reqwest::Method;
use serde_json::json;
use testkit::client::PASSWORD;
use testkit::{Incoming, TestApp};

use crate::support::answered;

#[tokio::test]
async fn a_name_can_be_changed_and_a_role_cannot() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let changed = user
        .patch("/auth/me", json!({ "full_name": " Ada " }))
        .await
        .expect(200);
    assert_eq!(changed["full_name"], "Ada");
    assert_eq!(user.get("/auth/me").await.expect(200), changed);
    for body in [
        json!({ "full_name": "" }),
        json!({ "role": "admin" }),
        json!({ "id": 7 }),
    ] {
        user.patch("/auth/me", body).await.expect(422);
    }
    assert_eq!(
        user.patch("/auth/me", json!({ "full_name": null }))
            .await
            .expect(200),
        changed
    );
}

#[tokio::test]
async fn a_deleted_account_is_gone_and_its_sockets_are_told() {
    let app = TestApp::start().await;
    app.user().await;
    let user = app.user().await;
    answered(&user).await;
    let mut socket = user.socket(None, &[]).await;
    socket.frame("connection").await;
    let delete = |password: &str| {
        user.request(Method::DELETE, "/auth/me")
            .json(&json!({ "password": password }))
            .send()
    };
    assert_eq!(delete("wrong password").await.unwrap().status(), 422);
    assert_eq!(delete(PASSWORD).await.unwrap().status(), 204);
    let closed = Incoming::Closed(Some((4409, "account_deleted".to_owned())));
    assert_eq!(socket.next().await, closed);
    user.get("/auth/me").await.expect(401);
    user.try_login("user1@example.org")
        .await
        .unwrap()
        .expect(401);
    // The address is free again, for an account that has nothing.
    user.register("user1@example.org").await;
    assert_eq!(
        user.get("/chat/conversations").await.expect(200)["total"],
        0
    );
}

/// Another node deletes it, or the look at the login comes before the word of the deletion.
#[tokio::test]
async fn who_looks_by_himself_sees_that_the_account_is_gone() {
    let app = TestApp::start().await;
    app.user().await;
    let user = app.user().await;
    let me = user.get("/auth/me").await.expect(200);
    let id = UserId(me["id"].as_i64().unwrap());
    let mut socket = user.socket(None, &[]).await;
    socket.frame("connection").await;
    app.store.delete_user(id).await.unwrap();
    app.bus.signal(Signal::Recheck { user_id: None });
    let closed = Incoming::Closed(Some((4409, "account_deleted".to_owned())));
    assert_eq!(socket.next().await, closed);
}
