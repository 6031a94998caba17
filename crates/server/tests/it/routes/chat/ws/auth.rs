use std::sync::Arc;

use serde_json::json;
use testkit::app::Options;
use testkit::{Client, FakeClock, Incoming, Socket, TestApp};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::{answer, raw, second};

/// Tries to open a socket. Answers the status of a refusal, or the chosen protocol.
async fn open(base: &str, query: &str, headers: &[(&str, &str)]) -> Result<String, u16> {
    let url = format!("{}/api/v1/chat/ws{query}", base.replacen("http", "ws", 1));
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        let name: reqwest::header::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    match connect_async(request).await {
        Ok((_, response)) => Ok(response
            .headers()
            .get("sec-websocket-protocol")
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default()),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

async fn ticket(client: &Client) -> String {
    let answer = client.post("/chat/ws-ticket", json!({})).await.expect(200);
    assert_eq!(answer["expires_in"], 30);
    answer["ticket"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_is_shown_in_any_of_four_ways() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let token = user.token().unwrap();
    let bearer = format!("Bearer {token}");
    let protocols = format!("rejoinder, {token}");
    let by_ticket = format!("?token={}", ticket(&user).await);
    assert_eq!(
        open(&app.url, &format!("?token={token}"), &[]).await,
        Ok(String::new())
    );
    assert_eq!(open(&app.url, &by_ticket, &[]).await, Ok(String::new()));
    assert_eq!(
        open(&app.url, "", &[("authorization", &bearer)]).await,
        Ok(String::new())
    );
    let offered = [("sec-websocket-protocol", protocols.as_str())];
    assert_eq!(
        open(&app.url, "", &offered).await,
        Ok("rejoinder".to_owned())
    );
}

#[tokio::test]
async fn a_ticket_opens_one_socket() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let query = format!("?token={}", ticket(&user).await);
    assert!(open(&app.url, &query, &[]).await.is_ok());
    assert_eq!(open(&app.url, &query, &[]).await, Err(401));
    let query = format!("?token={}", ticket(&user).await);
    user.post("/auth/logout", json!({})).await.expect(204);
    assert_eq!(open(&app.url, &query, &[]).await, Err(401));
}

#[tokio::test]
async fn without_a_token_there_is_no_upgrade() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let login = user.login("user0@example.org").await;
    let refresh = login["refresh_token"].as_str().unwrap().to_owned();
    for query in [
        "",
        "?token=",
        "?token=x",
        "?token=rjt_x",
        &format!("?token={refresh}"),
    ] {
        assert_eq!(open(&app.url, query, &[]).await, Err(401), "{query}");
    }
    let cookie = format!("rejoinder-refresh={refresh}");
    assert_eq!(open(&app.url, "", &[("cookie", &cookie)]).await, Err(401));
    let path = "/api/v1/chat/ws";
    let plain = answer(raw(&user, reqwest::Method::GET, path, &[], "").await).await;
    assert!(plain.headers.contains_key("www-authenticate"));
    assert_eq!(plain.expect(401)["code"], "unauthenticated");
    let bearer = format!("Bearer {}", user.token().unwrap());
    let headers = [("authorization", bearer.as_str())];
    let plain = answer(raw(&user, reqwest::Method::GET, path, &headers, "").await).await;
    assert_eq!(plain.expect(426)["code"], "upgrade_required");
}

#[tokio::test]
async fn only_our_own_page_may_connect() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let query = format!("?token={}", user.token().unwrap());
    let port = app.url.rsplit(':').next().unwrap().to_owned();
    for origin in [
        app.url.clone(),
        format!("http://localhost:{port}"),
        format!("http://[::1]:{port}"),
    ] {
        assert!(
            open(&app.url, &query, &[("origin", &origin)]).await.is_ok(),
            "{origin}"
        );
    }
    for origin in [
        "null".to_owned(),
        "http://evil.example".to_owned(),
        format!("http://evil.example:{port}"),
        format!("https://127.0.0.1:{port}"),
        format!("http://127.0.0.1.evil.example:{port}"),
        format!("http://localhost:{port}.evil.example"),
        format!("http://localhost:{port}1"),
        "http://localhost".to_owned(),
    ] {
        assert_eq!(
            open(&app.url, &query, &[("origin", &origin)]).await,
            Err(403),
            "{origin}"
        );
    }
    let public = second(&app, |config| {
        config.public_url = Some("https://chat.example".to_owned());
    })
    .await;
    let base = public.client.base();
    assert!(
        open(base, &query, &[("origin", "https://chat.example")])
            .await
            .is_ok()
    );
    for origin in [
        base,
        "https://chat.example.evil.example",
        "http://chat.example",
    ] {
        assert_eq!(
            open(base, &query, &[("origin", origin)]).await,
            Err(403),
            "{origin}"
        );
    }
}

#[tokio::test]
async fn an_expiring_login_is_announced_and_renewed_in_band() {
    let clock = FakeClock::default();
    let options = Options {
        clock: Arc::new(clock.clone()),
        ..Options::default()
    };
    let app = TestApp::start_with(options).await;
    let user = app.user().await;
    let login = user.login("user0@example.org").await;
    let mut socket = user.socket(None, &[]).await;
    let ready = socket.frame("connection").await;
    assert_eq!(ready["data"]["status"], "ready");
    assert_eq!(ready["data"]["version"], "test");

    clock.advance_millis(545_000);
    socket.send("ping", None, json!({})).await;
    assert_eq!(
        socket.frame("connection").await["data"]["status"],
        "auth_expiring"
    );
    socket.frame("pong").await;

    let other = app.user().await;
    socket
        .send("auth", None, json!({ "token": other.token() }))
        .await;
    assert_eq!(
        socket.frame("error").await["data"]["code"],
        "unauthenticated"
    );
    let refresh = json!({ "refresh_token": login["refresh_token"] });
    let renewed = user
        .anonymous()
        .post("/auth/refresh", refresh)
        .await
        .expect(200);
    socket
        .send("auth", None, json!({ "token": renewed["access_token"] }))
        .await;
    assert_eq!(socket.frame("connection").await["data"]["status"], "ready");

    clock.advance_millis(500_000);
    socket.send("ping", None, json!({})).await;
    socket.frame("pong").await;
    clock.advance_millis(170_000);
    socket.send("ping", None, json!({})).await;
    let closed = Incoming::Closed(Some((4403, "token_expired".to_owned())));
    assert_eq!(socket.next().await, closed);
}

#[tokio::test]
async fn a_server_that_stops_says_when_to_come_back() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let second = second(&app, |_| {}).await;
    second.client.set_token(user.token());
    let mut socket: Socket = second.client.socket(None, &[]).await;
    socket.frame("connection").await;
    second.drain.cancel();
    let last = socket.frame("connection").await;
    assert_eq!(last["data"]["status"], "draining");
    assert!(last["data"]["retry_after_ms"].as_u64().unwrap() >= 500);
    let closed = Incoming::Closed(Some((1001, "draining".to_owned())));
    assert_eq!(socket.next().await, closed);
    let query = format!("?token={}", user.token().unwrap());
    assert_eq!(open(second.client.base(), &query, &[]).await, Err(503));
}
