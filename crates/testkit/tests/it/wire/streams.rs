//! `docs/wire/streams.md`: server-sent events.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::golden::Page;

use super::scenes::Scene;

const SSE: (&str, &str) = ("accept", "text/event-stream");

#[tokio::test]
async fn the_streams_are_what_they_were() {
    let mut page = Page::new("streams.md", "Server-sent events");
    page.say("The same frames as on the socket, in the framing of server-sent events.");
    let app = super::app().await;
    let user = app.user().await;
    let ready = user.socket(None, &[]).await.frame("connection").await;
    let scene = Scene::begin(user.clone()).await;

    page.section("A streamed send");
    page.say("Of a run that was over already: the same key attaches to it.");
    let key = ("idempotency-key", "golden-stream");
    let body = scene.body("Hello [[script: tokens=1]]");
    let request = user.request(Method::POST, "/chat/messages").json(&body);
    let first = request.header(key.0, key.1).send().await.unwrap();
    let first: Value = first.json().await.unwrap();
    page.call_with(&user, Method::POST, "/chat/messages", &[SSE, key], body)
        .await;

    page.section("A run");
    let run = first["run_id"].as_str().unwrap();
    let path = format!("/chat/runs/{run}/events");
    page.call_with(&user, Method::GET, &path, &[SSE], Value::Null)
        .await;

    page.section("The feed");
    let since = ready["data"]["cursor"].as_str().unwrap();
    page.say("`GET /chat/sync?since=…`, until a todo that is made now:");
    let end = user
        .post("/todos", json!({ "title": "end" }))
        .await
        .expect(201);
    let mut events = user
        .try_events(&format!("/chat/sync?since={since}"))
        .await
        .unwrap();
    let mut shown = String::new();
    loop {
        let event = events.next().await.unwrap().unwrap();
        let id = event.id.map(|id| format!("id: {id}\n")).unwrap_or_default();
        shown.push_str(&format!(
            "event: {}\n{id}data: {}\n\n",
            event.event, event.data
        ));
        if event.event == "todo" && event.data["data"]["id"] == end["id"] {
            break;
        }
    }
    page.stream(&shown);
    page.check();
}
