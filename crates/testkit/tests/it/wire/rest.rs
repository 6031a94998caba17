//! `docs/wire/rest.md`: requests and answers.

use reqwest::Method;
use serde_json::{Value, json};
use server::operations::OPERATIONS;
use testkit::app::Options;
use testkit::client::PASSWORD;
use testkit::golden::Page;
use testkit::{Client, TestApp};

use super::{app, still};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;
const NONE: Value = Value::Null;

/// Beside the API, or on pages of their own.
const ELSEWHERE: &[&str] = &[
    "/health",
    "/ready",
    "/metrics",
    "/api/v1/chat/ws",
    "/api/v1/chat/sync",
    "/api/v1/chat/runs/{run_id}/events",
];

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

#[tokio::test]
async fn the_answers_are_what_they_were() {
    let mut page = Page::new("rest.md", "Requests and answers");
    page.say("Paths are below `/api/v1`; requests carry `Authorization: Bearer <access_token>`.");
    let app = app().await;
    let admin = accounts(&mut page, &app).await;
    let conversation = conversations(&mut page, &admin).await;
    sending(&mut page, &app, &admin, &conversation).await;
    tools(&mut page, &admin).await;
    problems(&mut page, &app, &admin).await;
    goodbye(&mut page, &admin, &conversation).await;
    too_often(&mut page).await;
    for op in OPERATIONS {
        let there =
            op.method == "WS" || ELSEWHERE.contains(&op.path) || shown(&page, op.method, op.path);
        assert!(there, "{} {} is on no page", op.method, op.path);
    }
    page.check();
}

/// Whether a request to this route is on the page.
fn shown(page: &Page, method: &str, route: &str) -> bool {
    let segments = |path: &str| -> Vec<String> {
        let path = path.split('?').next().unwrap_or_default();
        path.split('/').map(str::to_owned).collect()
    };
    let route = segments(route.trim_start_matches("/api/v1"));
    page.calls.iter().any(|(called, path)| {
        let path = segments(path);
        let fits = |(a, b): (&String, &String)| a == b || a.starts_with('{');
        called.as_str() == method && path.len() == route.len() && route.iter().zip(&path).all(fits)
    })
}

async fn accounts(page: &mut Page, app: &TestApp) -> Client {
    page.section("Accounts and sessions");
    let nobody = app.client();
    let ada = json!({ "email": "ada@example.org", "password": PASSWORD, "full_name": "Ada" });
    page.call(&nobody, GET, "/meta", NONE).await;
    page.call(&nobody, POST, "/auth/register", ada.clone())
        .await;
    let login = json!({ "email": "ada@example.org", "password": PASSWORD });
    let tokens = page.call(&nobody, POST, "/auth/login", login).await;
    let refresh = json!({ "refresh_token": tokens["refresh_token"] });
    let tokens = page.call(&nobody, POST, "/auth/refresh", refresh).await;
    let admin = app.client();
    admin.set_token(tokens["access_token"].as_str().map(str::to_owned));
    page.call(&admin, GET, "/auth/me", NONE).await;
    page.call(&admin, PATCH, "/auth/me", json!({ "full_name": "Ada L." }))
        .await;
    let other = app.client();
    other.login("ada@example.org").await;
    let listed = page.call(&admin, GET, "/auth/sessions", NONE).await;
    let sessions = listed["sessions"].as_array().unwrap();
    let theirs = sessions
        .iter()
        .find(|session| session["current"] == false)
        .unwrap();
    let path = format!("/auth/sessions/{}", text(theirs, "session_id"));
    page.call(&admin, DELETE, &path, NONE).await;
    let passwords = json!({ "current_password": PASSWORD, "new_password": PASSWORD });
    page.call(&admin, POST, "/auth/password", passwords).await;
    page.call(&admin, POST, "/chat/ws-ticket", NONE).await;

    page.section("The admin's users");
    let grace = json!({ "email": "grace@example.org", "password": PASSWORD, "full_name": "Grace" });
    let made = page.call(&admin, POST, "/admin/users", grace).await;
    let path = format!("/admin/users/{}", made["id"]);
    page.call(&admin, PATCH, &path, json!({ "disabled": true }))
        .await;
    page.call(&admin, GET, "/admin/users", NONE).await;
    page.call(&admin, POST, "/auth/register", ada).await;
    admin
}

async fn conversations(page: &mut Page, user: &Client) -> String {
    page.section("Conversations");
    let body = json!({ "title": "Golden", "model": null });
    let key = [("idempotency-key", "golden-1")];
    let made = page
        .call_with(user, POST, "/chat/conversations", &key, body)
        .await;
    let id = text(&made, "conversation_id").to_owned();
    let path = format!("/chat/conversations/{id}");
    let change = json!({ "pinned": true, "tags": ["wire"] });
    page.call(user, PATCH, &path, change).await;
    page.call(user, GET, &path, NONE).await;
    let list = "/chat/conversations?page=1&per_page=20";
    page.call(user, GET, list, NONE).await;
    id
}

async fn sending(page: &mut Page, app: &TestApp, user: &Client, id: &str) {
    page.section("Sending");
    let body = |content: &str| json!({ "content": content, "conversation_id": id });
    let body_with_id = json!({
        "content": "Hello [[script: tokens=2]]",
        "conversation_id": id,
        "client_message_id": "018f0000-0000-7000-8000-000000000003",
    });
    let sent = page.call(user, POST, "/chat/messages", body_with_id).await;
    let prefer = [("prefer", "respond-async")];
    let held = body("Hold [[script: tokens=2 gate=rest@1]]");
    let accepted = page
        .call_with(user, POST, "/chat/messages", &prefer, held)
        .await;
    written(user, id).await;
    let run = format!("/chat/runs/{}", text(&accepted, "run_id"));
    page.call(user, GET, &run, NONE).await;
    page.call(user, POST, "/chat/messages", body("Busy?")).await;

    page.say("A message that waits behind the run can be changed and removed:");
    let mut later = body("Later [[script: tokens=1]]");
    later["on_busy"] = json!("enqueue");
    let later = user.try_send_async(&later).await.unwrap().expect(202);
    let waits = format!(
        "/chat/conversations/{id}/messages/{}",
        later["user_message"]["id"]
    );
    page.call(user, PATCH, &waits, json!({ "content": "Even later" }))
        .await;
    page.call(user, DELETE, &waits, NONE).await;

    page.call(user, POST, &format!("{run}/cancel"), json!({}))
        .await;
    over(user, id).await;
    app.model.gate("rest").open();
    page.call(user, GET, &run, NONE).await;
    user.send(body("Break [[script: tokens=2 fault=reset@1]]"))
        .await
        .expect(200);

    page.section("Messages");
    let messages = format!("/chat/conversations/{id}/messages");
    page.call(user, GET, &format!("{messages}?limit=2"), NONE)
        .await;
    let middle = sent["ai_message"]["id"].as_i64().unwrap() + 1;
    page.call(
        user,
        GET,
        &format!("{messages}?limit=1&around={middle}"),
        NONE,
    )
    .await;
    let answer = format!("{messages}/{}", sent["ai_message"]["id"]);
    page.call(user, GET, &format!("{answer}/revisions"), NONE)
        .await;
    page.call(user, POST, &format!("{answer}/regenerate"), json!({}))
        .await;
    over(user, id).await;
}

/// Until the answer has its first token and waits at its gate.
async fn written(user: &Client, id: &str) {
    until(async || text(user.messages(id).await.last().unwrap(), "content").trim() == "tok0").await;
}

async fn over(user: &Client, id: &str) {
    let path = format!("/chat/conversations/{id}");
    until(async || user.get(&path).await.expect(200)["active_run"].is_null()).await;
}

async fn until(there: impl AsyncFn() -> bool) {
    let wait = async {
        while !there().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), wait)
        .await
        .unwrap();
}

async fn tools(page: &mut Page, user: &Client) {
    page.section("Tools and what they keep");
    page.call(user, GET, "/models", NONE).await;
    page.call(user, GET, "/tools", NONE).await;
    page.call(user, GET, "/chat/approvals", NONE).await;
    page.call(user, GET, "/chat/calls", NONE).await;
    let todo = page
        .call(user, POST, "/todos", json!({ "title": "Milk" }))
        .await;
    let path = format!("/todos/{}", todo["id"]);
    page.call(user, PATCH, &path, json!({ "done": true })).await;
    page.call(user, GET, "/todos", NONE).await;
    page.call(user, DELETE, &path, NONE).await;
}

async fn problems(page: &mut Page, app: &TestApp, user: &Client) {
    page.section("Problems");
    page.say("Every refusal is one of these documents; `code` is stable.");
    let unknown = "018f0000-0000-7000-8000-00000000dead";
    page.call(&app.client(), GET, "/auth/me", NONE).await;
    let login = json!({ "email": "ada@example.org", "password": "something else" });
    page.call(&app.client(), POST, "/auth/login", login).await;
    let refresh = json!({ "refresh_token": "nonsense" });
    page.call(&app.client(), POST, "/auth/refresh", refresh)
        .await;
    for (method, path, body) in [
        (GET, format!("/chat/conversations/{unknown}"), NONE),
        (GET, format!("/chat/calls/{unknown}"), NONE),
        (
            POST,
            format!("/chat/calls/{unknown}"),
            json!({ "decision": "retry" }),
        ),
        (
            POST,
            format!("/chat/approvals/{unknown}"),
            json!({ "decision": "deny", "arguments_hash": "0".repeat(64) }),
        ),
        (Method::PUT, "/todos".to_owned(), NONE),
        (
            POST,
            "/chat/messages".to_owned(),
            json!({ "content": "", "parent_id": "x" }),
        ),
        (
            POST,
            "/chat/messages".to_owned(),
            json!({ "content": "\0", "model": "nobody/x" }),
        ),
        (
            POST,
            "/todos".to_owned(),
            json!({ "title": "x", "owner": 2 }),
        ),
        (GET, "/chat/conversations?per_page=0".to_owned(), NONE),
    ] {
        page.call(user, method, &path, body).await;
    }
    let key = [("idempotency-key", "golden-1")];
    let other = json!({ "title": "Another" });
    page.call_with(user, POST, "/chat/conversations", &key, other)
        .await;
    let kind = [("content-type", "text/plain")];
    page.call_with(user, POST, "/todos", &kind, NONE).await;
}

async fn goodbye(page: &mut Page, user: &Client, id: &str) {
    page.section("The end of things");
    let path = format!("/chat/conversations/{id}");
    page.call(user, GET, &format!("{path}/permissions"), NONE)
        .await;
    page.call(user, DELETE, &format!("{path}/permissions/order"), NONE)
        .await;
    page.call(user, DELETE, &path, NONE).await;
    let key = [("idempotency-key", "golden-1")];
    let again = json!({ "title": "Golden", "model": null });
    page.call_with(user, POST, "/chat/conversations", &key, again)
        .await;
    page.call(user, POST, "/auth/logout", json!({})).await;
    user.login("ada@example.org").await;
    page.call(user, POST, "/auth/logout-all", json!({})).await;
    user.login("ada@example.org").await;
    let wrong = json!({ "password": "something else" });
    page.call(user, DELETE, "/auth/me", wrong).await;
    page.call(user, DELETE, "/auth/me", json!({ "password": PASSWORD }))
        .await;
}

async fn too_often(page: &mut Page) {
    page.section("Too often");
    let options = Options {
        send_rate_per_minute: 1,
        ..still()
    };
    let app = TestApp::start_with(options).await;
    let user = app.user().await;
    user.send(json!({ "content": "One [[script: tokens=1]]" }))
        .await
        .expect(200);
    // How long it took is in the number.
    for seconds in 1..60 {
        page.show_as(&format!("again in {seconds} s"), "again in 60 s");
    }
    page.call(&user, POST, "/chat/messages", json!({ "content": "Two" }))
        .await;
}
