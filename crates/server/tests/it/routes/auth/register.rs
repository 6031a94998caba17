use reqwest::Method;
use serde_json::{Value, json};
use testkit::TestApp;
use testkit::client::PASSWORD;

use crate::support::{Second, answer, numbered_codes, raw, second};

#[tokio::test]
async fn the_first_account_is_admin_and_the_next_is_not() {
    let app = TestApp::start().await;
    let first = app.client().register("first@example.org").await;
    assert_eq!(
        (&first["role"], &first["email"]),
        (&json!("admin"), &json!("first@example.org"))
    );
    let second = app.client().register("second@example.org").await;
    assert_eq!(second["role"], "user");
    let mut keys: Vec<_> = first.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    assert_eq!(keys, ["created_at", "email", "full_name", "id", "role"]);
}

#[tokio::test]
async fn after_the_first_account_registration_is_closed() {
    let app = TestApp::start().await;
    let closed = second(&app, |_| {}).await;
    let body = |email: &str| json!({ "email": email, "password": PASSWORD, "full_name": "A" });
    let first = closed
        .client
        .post("/auth/register", body("a@b"))
        .await
        .expect(201);
    assert_eq!(first["role"], "admin");
    let refused = closed.client.post("/auth/register", body("c@d")).await;
    assert_eq!(refused.expect(409)["code"], "registration_closed");
}

#[tokio::test]
async fn two_first_accounts_at_once_make_one_admin() {
    let app = TestApp::start().await;
    let closed = second(&app, |_| {}).await;
    let register = |email: &str| {
        let body = json!({ "email": email, "password": PASSWORD, "full_name": "A" });
        let client = closed.client.clone();
        async move { client.post("/auth/register", body).await.status.as_u16() }
    };
    let (a, b) = tokio::join!(register("a@b"), register("c@d"));
    let mut statuses = [a, b];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
}

fn account(email: &str, code: Option<&str>) -> Value {
    json!({ "email": email, "password": PASSWORD, "full_name": "A", "setup_code": code })
}

/// A server beyond loopback; its setup codes are `code-1`, `code-2` and so on.
async fn guarded(app: &TestApp) -> Second {
    second(app, |config| {
        config.new_setup_code = Some(numbered_codes());
        config.registration = server::Registration::Open;
    })
    .await
}

async fn delete_account(client: &testkit::Client) {
    let request = client.request(Method::DELETE, "/auth/me");
    let deleted = request.json(&json!({ "password": PASSWORD })).send().await;
    assert_eq!(deleted.unwrap().status(), 204);
}

#[tokio::test]
async fn a_setup_code_is_asked_of_the_first_account_only() {
    let app = TestApp::start().await;
    let client = guarded(&app).await.client;
    for code in [None, Some(""), Some("1234"), Some("code-2")] {
        let refused = client.post("/auth/register", account("a@b", code)).await;
        assert_eq!(refused.expect(403)["code"], "setup_code", "{code:?}");
    }
    let first = client.post("/auth/register", account("a@b", Some("code-1")));
    assert_eq!(first.await.expect(201)["role"], "admin");
    let next = client.post("/auth/register", account("c@d", None)).await;
    assert_eq!(next.expect(201)["role"], "user");
}

#[tokio::test]
async fn a_setup_code_serves_once_and_a_server_that_began_with_accounts_asks_for_one_too() {
    let app = TestApp::start().await;
    app.client().register("before@example.org").await;
    let mut client = guarded(&app).await.client;
    client.login("before@example.org").await;
    for (old, code) in [("none yet", "code-1"), ("code-1", "code-2")] {
        delete_account(&client).await;
        for wrong in [None, Some(old)] {
            let refused = client.post("/auth/register", account("a@b", wrong)).await;
            assert_eq!(refused.expect(403)["code"], "setup_code", "{wrong:?}");
        }
        let meta = client.get("/meta").await.expect(200);
        assert_eq!(meta["setup_code_required"], true);
        let first = client.post("/auth/register", account("a@b", Some(code)));
        assert_eq!(first.await.expect(201)["role"], "admin");
        client = client.anonymous();
        client.login("a@b").await;
    }
    // The last account is what counts: here one stays.
    let stays = client.post("/auth/register", account("c@d", None)).await;
    stays.expect(201);
    let other = client.anonymous();
    other.login("c@d").await;
    delete_account(&other).await;
    let next = client.post("/auth/register", account("e@f", None)).await;
    assert_eq!(next.expect(201)["role"], "user");
}

#[tokio::test]
async fn what_is_wrong_with_an_account_is_named_at_once() {
    let app = TestApp::start().await;
    let body = json!({ "email": "nobody", "password": "short", "full_name": " " });
    let refused = app.client().post("/auth/register", body).await.expect(422);
    let pointers: Vec<_> = refused["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/email", "/full_name", "/password"]);
    let body = json!({ "email": "a@b", "password": PASSWORD, "full_name": "A", "role": "admin" });
    app.client().post("/auth/register", body).await.expect(422);
    app.client().register("a@b.example").await;
    let body = json!({ "email": "A@B.example", "password": PASSWORD, "full_name": "A" });
    let taken = app.client().post("/auth/register", body).await.expect(409);
    assert_eq!(taken["code"], "email_taken");
}

#[tokio::test]
async fn another_sites_page_makes_no_account() {
    let app = TestApp::start().await;
    let body = json!({ "email": "a@b", "password": PASSWORD, "full_name": "A" }).to_string();
    let client = app.client();
    for header in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for path in ["/api/v1/auth/register", "/api/v1/auth/login"] {
            let headers = [("content-type", "application/json"), header];
            let refused = raw(&client, reqwest::Method::POST, path, &headers, body.clone());
            assert_eq!(
                answer(refused.await).await.expect(403)["code"],
                "cross_site"
            );
        }
    }
}
