use serde_json::json;
use testkit::TestApp;
use testkit::client::PASSWORD;

#[tokio::test]
async fn an_admin_adds_lists_and_disables_accounts() {
    let app = TestApp::start().await;
    let admin = app.user().await;
    let body = json!({ "email": " New@Example.org ", "password": PASSWORD, "full_name": "New" });
    let added = admin.post("/admin/users", body.clone()).await.expect(201);
    assert_eq!(added["email"], "new@example.org");
    assert_eq!(
        (&added["role"], &added["disabled"]),
        (&json!("user"), &json!(false))
    );
    assert_eq!(
        admin.post("/admin/users", body).await.expect(409)["code"],
        "email_taken"
    );
    let users = admin.get("/admin/users").await.expect(200);
    assert_eq!(users["users"].as_array().unwrap().len(), 2);

    let client = app.client();
    client.login("new@example.org").await;
    let mut socket = client.socket(None, &[]).await;
    socket.frame("connection").await;
    let path = format!("/admin/users/{}", added["id"]);
    let disabled = admin
        .patch(&path, json!({ "disabled": true }))
        .await
        .expect(200);
    assert_eq!(disabled["disabled"], true);
    client.get("/auth/me").await.expect(401);
    let refused = client.try_login("new@example.org").await.unwrap();
    assert_eq!(refused.expect(403)["code"], "account_disabled");
    assert_eq!(
        socket.next().await,
        testkit::Incoming::Closed(Some((4401, "session_ended".to_owned())))
    );
    admin
        .patch(&path, json!({ "disabled": false }))
        .await
        .expect(200);
    client.login("new@example.org").await;
}

#[tokio::test]
async fn the_last_admin_stays() {
    let app = TestApp::start().await;
    let admin = app.user().await;
    let id = admin.get("/auth/me").await.expect(200)["id"].clone();
    app.user().await;
    for change in [json!({ "role": "user" }), json!({ "disabled": true })] {
        let refused = admin.patch(&format!("/admin/users/{id}"), change).await;
        assert_eq!(refused.expect(409)["code"], "last_admin");
    }
    let refused = admin
        .request(reqwest::Method::DELETE, "/auth/me")
        .json(&json!({ "password": PASSWORD }))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 409);
    admin
        .patch("/admin/users/424242", json!({ "disabled": true }))
        .await
        .expect(404);
    admin
        .patch("/admin/users/x", json!({ "disabled": true }))
        .await
        .expect(404);
}
