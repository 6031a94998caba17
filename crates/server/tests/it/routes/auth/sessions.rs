use reqwest::Method;
use serde_json::json;
use testkit::client::PASSWORD;
use testkit::{Incoming, TestApp};

use crate::support::{answer, raw};

#[tokio::test]
async fn logins_are_listed_and_ended_one_by_one() {
    let app = TestApp::start().await;
    let here = app.user().await;
    let there = app.client();
    there.login("user0@example.org").await;
    let mut socket = there.socket(None, &[]).await;
    socket.frame("connection").await;

    let sessions = here.get("/auth/sessions").await.expect(200);
    let sessions = sessions["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let other = sessions
        .iter()
        .find(|session| session["current"] == false)
        .unwrap();
    let path = format!("/auth/sessions/{}", other["session_id"].as_str().unwrap());
    here.delete(&path).await.expect(204);
    here.delete(&path).await.expect(404);
    there.get("/auth/me").await.expect(401);
    let closed = Incoming::Closed(Some((4401, "session_ended".to_owned())));
    assert_eq!(socket.next().await, closed);
    here.get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_its_sockets() {
    let app = TestApp::start().await;
    let client = app.user().await;
    let login = client.login("user0@example.org").await;
    let mut socket = client.socket(None, &[]).await;
    socket.frame("connection").await;
    let out = client.post("/auth/logout", json!({})).await;
    assert!(
        out.headers["set-cookie"]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    out.expect(204);
    let closed = Incoming::Closed(Some((4401, "session_ended".to_owned())));
    assert_eq!(socket.next().await, closed);
    client.get("/auth/me").await.expect(401);
    let refresh = json!({ "refresh_token": login["refresh_token"] });
    client
        .anonymous()
        .post("/auth/refresh", refresh)
        .await
        .expect(401);
}

#[tokio::test]
async fn signing_out_works_with_the_cookie_alone() {
    let app = TestApp::start().await;
    let client = app.user().await;
    let login = client.login("user0@example.org").await;
    let cookie = format!(
        "rejoinder-refresh={}",
        login["refresh_token"].as_str().unwrap()
    );
    let path = "/api/v1/auth/logout";
    let foreign = [
        ("cookie", cookie.as_str()),
        ("origin", "http://evil.example"),
    ];
    let refused = answer(raw(&client, Method::POST, path, &foreign, "").await).await;
    assert_eq!(refused.expect(403)["code"], "cross_site");
    client.get("/auth/me").await.expect(200);
    let own = [("cookie", cookie.as_str())];
    answer(raw(&client, Method::POST, path, &own, "").await)
        .await
        .expect(204);
    client.get("/auth/me").await.expect(401);
}

#[tokio::test]
async fn signing_out_everywhere_ends_all() {
    let app = TestApp::start().await;
    let here = app.user().await;
    let there = app.client();
    there.login("user0@example.org").await;
    let other = app.user().await;
    here.post("/auth/logout-all", json!({})).await.expect(204);
    here.get("/auth/me").await.expect(401);
    there.get("/auth/me").await.expect(401);
    other.get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let app = TestApp::start().await;
    let here = app.user().await;
    let there = app.client();
    there.login("user0@example.org").await;
    let mut mine = here.socket(None, &[]).await;
    mine.frame("connection").await;
    let body =
        |current: &str, new: &str| json!({ "current_password": current, "new_password": new });
    let wrong = here
        .post("/auth/password", body("wrong password", "another password"))
        .await;
    let wrong = wrong.expect(422);
    assert_eq!(wrong["code"], "wrong_password");
    assert_eq!(wrong["errors"][0]["pointer"], "/current_password");
    let short = here
        .post("/auth/password", body(PASSWORD, "short"))
        .await
        .expect(422);
    assert_eq!(short["errors"][0]["pointer"], "/new_password");
    here.post("/auth/password", body(PASSWORD, "another password"))
        .await
        .expect(204);
    here.get("/auth/me").await.expect(200);
    there.get("/auth/me").await.expect(401);
    mine.send("ping", None, json!({})).await;
    mine.frame("pong").await;
    there
        .try_login("user0@example.org")
        .await
        .unwrap()
        .expect(401);
    let body = json!({ "email": "user0@example.org", "password": "another password" });
    app.client().post("/auth/login", body).await.expect(200);
}
