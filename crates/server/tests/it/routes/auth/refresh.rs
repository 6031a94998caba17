use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::app::Options;
use testkit::client::Answer;
use testkit::{Client, FakeClock, TestApp};

use crate::support::{answer, raw};

async fn login(app: &TestApp) -> (Client, String) {
    let client = app.user().await;
    let login = client.login("user0@example.org").await;
    (client, login["refresh_token"].as_str().unwrap().to_owned())
}

async fn refresh(client: &Client, token: &str) -> Answer {
    client
        .anonymous()
        .post("/auth/refresh", json!({ "refresh_token": token }))
        .await
}

fn token(body: &Value) -> String {
    body["refresh_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_refresh_token_is_replaced_and_its_predecessor_forgiven_once() {
    let clock = FakeClock::default();
    let options = Options {
        clock: Arc::new(clock.clone()),
        ..Options::default()
    };
    let app = TestApp::start_with(options).await;
    let (client, first) = login(&app).await;
    let second = token(&refresh(&client, &first).await.expect(200));
    // A race, a lost reply: the same successor.
    assert_eq!(token(&refresh(&client, &first).await.expect(200)), second);
    let third = token(&refresh(&client, &second).await.expect(200));
    assert_ne!(third, second);
    clock.advance_millis(60_000);
    // Long after its successor was used: stolen. The whole family ends.
    let replayed = refresh(&client, &first).await;
    assert_eq!(replayed.expect(401)["code"], "invalid_refresh_token");
    refresh(&client, &third).await.expect(401);
    client.get("/auth/me").await.expect(401);
}

#[tokio::test]
async fn races_lock_nobody_out() {
    let app = TestApp::start().await;
    let (client, first) = login(&app).await;
    let many = (0..8).map(|_| refresh(&client, &first));
    let mut tokens = Vec::new();
    for answer in futures::future::join_all(many).await {
        tokens.push(token(&answer.expect(200)));
    }
    tokens.dedup();
    assert_eq!(tokens.len(), 1);
    refresh(&client, &tokens[0]).await.expect(200);
}

#[tokio::test]
async fn nothing_else_is_a_refresh_token() {
    let app = TestApp::start().await;
    let (client, first) = login(&app).await;
    let access = client.token().unwrap();
    let bent = format!("{}x", &first[..first.len() - 1]);
    let further = first.replacen(".1.", ".2.", 1);
    for bad in ["", "x", access.as_str(), bent.as_str(), further.as_str()] {
        let refused = refresh(&client, bad).await;
        assert!(
            refused.headers["set-cookie"]
                .to_str()
                .unwrap()
                .contains("Max-Age=0")
        );
        assert_eq!(
            refused.expect(401)["code"],
            "invalid_refresh_token",
            "{bad}"
        );
    }
    client
        .anonymous()
        .post("/auth/refresh", json!({}))
        .await
        .expect(401);
}

#[tokio::test]
async fn the_cookie_refreshes_our_own_page_only() {
    let app = TestApp::start().await;
    let (client, first) = login(&app).await;
    let cookie = format!("rejoinder-refresh={first}");
    let post = |headers: Vec<(&'static str, String)>| {
        let (client, cookie) = (client.clone(), cookie.clone());
        async move {
            let mut all = vec![("cookie", cookie.as_str())];
            all.extend(headers.iter().map(|(name, value)| (*name, value.as_str())));
            answer(raw(&client, Method::POST, "/api/v1/auth/refresh", &all, "").await).await
        }
    };
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let refused = post(vec![(name, value.to_owned())]).await;
        assert_eq!(refused.expect(403)["code"], "cross_site", "{name}: {value}");
    }
    let own = vec![
        ("origin", app.url.clone()),
        ("sec-fetch-site", "same-origin".to_owned()),
    ];
    let body = post(own).await.expect(200);
    assert_ne!(token(&body), first);
}
