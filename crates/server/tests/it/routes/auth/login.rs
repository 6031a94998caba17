use serde_json::{Value, json};
use testkit::TestApp;
use testkit::client::PASSWORD;

use crate::support::{answer, raw, second};

#[tokio::test]
async fn a_login_answers_a_pair_of_tokens_and_a_cookie() {
    let app = TestApp::start().await;
    let client = app.user().await;
    let body = json!({ "email": "USER0@example.org ", "password": PASSWORD });
    let login = client.anonymous().post("/auth/login", body).await;
    let cookie = login.headers["set-cookie"].to_str().unwrap().to_owned();
    let body = login.expect(200);
    assert_eq!(body["token_type"], "bearer");
    assert_eq!(body["expires_in"], 600);
    assert_eq!(body["mfa_required"], false);
    assert_eq!(body["user"]["email"], "user0@example.org");
    let refresh = body["refresh_token"].as_str().unwrap();
    assert_eq!(
        cookie,
        format!("rejoinder-refresh={refresh}; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict")
    );
    let client = app.client();
    client.set_token(Some(refresh.to_owned()));
    client.get("/auth/me").await.expect(401);
}

#[tokio::test]
async fn with_tls_the_cookie_is_bound_to_the_host() {
    let app = TestApp::start().await;
    app.user().await;
    let tls = second(&app, |config| {
        config.public_url = Some("https://chat.example".to_owned());
    })
    .await;
    let login = tls.client.try_login("user0@example.org").await.unwrap();
    let cookie = login.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.starts_with("__Host-rejoinder-refresh=rj1."),
        "{cookie}"
    );
    assert!(cookie.ends_with("; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict; Secure"));
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_are_answered_alike() {
    let app = TestApp::start().await;
    app.user().await;
    let attempt = |email: &str, password: String| {
        let client = app.client();
        let body = json!({ "email": email, "password": password });
        async move {
            let answer = client.post("/auth/login", body).await;
            assert!(answer.headers.contains_key("www-authenticate"));
            let mut body: Value = answer.expect(401);
            body.as_object_mut().unwrap().remove("request_id");
            body
        }
    };
    let wrong = attempt("user0@example.org", "wrong password".to_owned()).await;
    assert_eq!(wrong["code"], "wrong_credentials");
    for (email, password) in [
        ("nobody@example.org", "wrong password".to_owned()),
        ("nobody@example.org", PASSWORD.to_owned()),
        ("user0@example.org", "x".repeat(500_000)),
        ("user0@example.org", String::new()),
        ("not an address", PASSWORD.to_owned()),
    ] {
        assert_eq!(attempt(email, password).await, wrong, "{email}");
    }
}

#[tokio::test]
async fn guessing_is_slowed_down_whatever_address_is_claimed() {
    let app = TestApp::start().await;
    let body = json!({ "email": "victim@example.org", "password": "guess" }).to_string();
    let client = app.client();
    let mut last = None;
    for attempt in 0..40 {
        let claimed = format!("10.0.0.{attempt}");
        let headers = [
            ("content-type", "application/json"),
            ("x-forwarded-for", claimed.as_str()),
        ];
        let path = "/api/v1/auth/login";
        let response = raw(&client, reqwest::Method::POST, path, &headers, body.clone());
        let answer = answer(response.await).await;
        if answer.status == 429 {
            last = Some(answer);
            break;
        }
    }
    let refused = last.expect("never slowed down");
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(refused.expect(429)["code"], "rate_limited");
}
