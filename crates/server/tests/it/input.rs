//! No input gives a 500, and none ends the server.

use reqwest::Method;
use server::operations::OPERATIONS;
use testkit::TestApp;

use crate::support::{answer, raw};

const JSON: (&str, &str) = ("content-type", "application/json");

fn bodies() -> Vec<String> {
    let deep = format!(
        "{}1{}",
        "{\"content\":".repeat(100_000),
        "}".repeat(100_000)
    );
    [
        "",
        "{",
        "null",
        "[]",
        "1e999",
        "{\"content\":\"\\ud800\"}",
        "{\"content\":1e400}",
        "{\"content\":\"a\",\"content\":\"b\"}",
        "{\"content\":\"a\\u0000b\"}",
        "{\"email\":\"a\\u0000@b\",\"password\":\"x\\u0000xxxxxxx\",\"full_name\":\"\\u0000\"}",
        "{\"title\":\"\\u0000\"}",
        "{\"title\":{}}",
        "{\"role\":\"owner\"}",
        "{\"disabled\":\"yes\"}",
        "{\"tags\":[null]}",
        "{\"tags\":\"x\"}",
        "{\"due_at\":\"9999999999999999\"}",
        "{\"title\":\"a\",\"due_at\":\"tomorrow\"}",
        "{\"decision\":\"maybe\",\"arguments_hash\":\"\"}",
        "{\"content\":\"a\",\"parent_id\":9223372036854775807}",
        "{\"content\":\"a\",\"parent_id\":99999999999999999999}",
        "{\"content\":\"a\",\"conversation_id\":\"' OR 1=1 --\"}",
        "{\"content\":\"a\",\"model\":\"\"}",
        "{\"content\":\"a\",\"time_zone\":\"../../etc/passwd\"}",
        "{\"refresh_token\":\"rj1.x.1.y\"}",
        "\u{feff}{}",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain([deep])
    .collect()
}

#[tokio::test]
async fn every_route_survives_every_body() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let bearer = format!("Bearer {}", user.token().unwrap());
    for op in OPERATIONS
        .iter()
        .filter(|op| !matches!(op.method, "WS" | "GET"))
    {
        // These end the login that the others need.
        if matches!(op.action, "end" | "end_all") {
            continue;
        }
        let method: Method = op.method.parse().unwrap();
        let path = op
            .path
            .replace("{conversation_id}", "018f0000-0000-7000-8000-000000000000")
            .replace("{run_id}", "018f0000-0000-7000-8000-000000000000")
            .replace("{message_id}", "1")
            .replace("{id}", "999");
        for body in bodies() {
            let headers = [JSON, ("authorization", bearer.as_str())];
            let response = raw(&user, method.clone(), &path, &headers, body.clone()).await;
            let status = response.status().as_u16();
            assert!(status < 500, "{method} {path} {body:.60}: {status}");
        }
    }
    user.get("/auth/me").await.expect(200);
}

#[tokio::test]
async fn paths_and_queries_are_only_text() {
    let app = TestApp::start().await;
    let user = app.user().await;
    for path in [
        "/chat/conversations/%00",
        "/chat/conversations/%ff",
        "/chat/conversations/'%20OR%201=1",
        "/chat/conversations/018f0000-0000-7000-8000-00000000000%00",
        "/chat/runs/..%2f..%2fetc",
        "/chat/runs/018F0000-0000-7000-8000-000000000000x",
    ] {
        assert_eq!(
            user.get(path).await.expect(404)["code"],
            "not_found",
            "{path}"
        );
    }
    for query in [
        "page=-1",
        "page=0",
        "page=1000000000000000000",
        "page=x",
        "page=1.5",
        "per_page=0",
        "per_page=101",
        "cursor=x",
        "cursor=1-2-3",
        "archived=1",
        "pinned=maybe",
        "q=%00",
        "tag=%0a",
        "cursor=-1--1",
    ] {
        let answer = user.get(&format!("/chat/conversations?{query}")).await;
        assert_eq!(answer.expect(422)["code"], "validation", "{query}");
    }
    for query in [
        "q=%25_%5c'%22--",
        "q=%f0%9f%98%80",
        "tag=%27",
        "cursor=0-0",
        "x=y",
        "page=",
    ] {
        user.get(&format!("/chat/conversations?{query}"))
            .await
            .expect(200);
    }
    let strange = user
        .get("/chat/conversations?q=%ff%fe")
        .await
        .status
        .as_u16();
    assert!(strange == 200 || strange == 422, "{strange}");
}

#[tokio::test]
async fn bodies_have_a_limit_and_a_type() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let bearer = format!("Bearer {}", user.token().unwrap());
    let auth = ("authorization", bearer.as_str());
    let path = "/api/v1/chat/messages";

    let large = vec![b' '; 1024 * 1024 + 1];
    let refused = raw(&user, Method::POST, path, &[JSON, auth], large.clone()).await;
    assert_eq!(answer(refused).await.expect(413)["code"], "body_too_large");
    // Without a length announced.
    let chunks = futures::stream::iter([Ok::<_, std::io::Error>(large)]);
    let stream = reqwest::Body::wrap_stream(chunks);
    let refused = raw(&user, Method::POST, path, &[JSON, auth], stream).await;
    assert_eq!(answer(refused).await.expect(413)["code"], "body_too_large");

    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "",
    ] {
        let headers = [("content-type", kind), auth];
        let refused = raw(&user, Method::POST, path, &headers, "{\"content\":\"a\"}").await;
        assert_eq!(
            answer(refused).await.expect(415)["code"],
            "unsupported_media_type",
            "{kind}"
        );
    }
}
