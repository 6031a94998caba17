use serde_json::{Value, json};
use testkit::{Client, TestApp};

use crate::support::answered;

async fn create(client: &Client, title: &str) -> String {
    let body = json!({ "title": title });
    let made = client.post("/chat/conversations", body).await.expect(201);
    made["conversation_id"].as_str().unwrap().to_owned()
}

fn titles(page: &Value) -> Vec<&str> {
    page["conversations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["title"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_conversation_shows_what_the_seed_plan_promised() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (id, _) = answered(&user).await;
    let list = user.get("/chat/conversations").await.expect(200);
    assert_eq!(
        (&list["total"], &list["page"], &list["per_page"]),
        (&json!(1), &json!(1), &json!(20))
    );
    assert_eq!(list["next_cursor"], Value::Null);
    let one = &list["conversations"][0];
    assert_eq!(one["conversation_id"], id);
    assert_eq!(one["user_input"], "Hello [[script: tokens=2]]");
    assert_eq!(one["message_count"], 2);
    assert_eq!(one["step_count"], 1);
    assert_eq!(one["active_run"], Value::Null);
    assert_eq!(one["last_tool_result"], Value::Null);
    assert_eq!(
        &user
            .get(&format!("/chat/conversations/{id}"))
            .await
            .expect(200),
        one
    );
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat() {
    let app = TestApp::start().await;
    let user = app.user().await;
    for n in 0..7 {
        create(&user, &format!("c{n}")).await;
    }
    let mut seen = Vec::new();
    let mut path = "/chat/conversations?per_page=3".to_owned();
    loop {
        let page = user.get(&path).await.expect(200);
        assert_eq!(page["total"], 7);
        seen.extend(titles(&page).into_iter().map(str::to_owned));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/chat/conversations?per_page=3&cursor={cursor}"),
            None => break,
        }
    }
    let mut distinct = seen.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!((seen.len(), distinct.len()), (7, 7));
    let second = user
        .get("/chat/conversations?per_page=3&page=2")
        .await
        .expect(200);
    assert_eq!(
        titles(&second),
        seen[3..6].iter().map(String::as_str).collect::<Vec<_>>()
    );
    let beyond = user
        .get("/chat/conversations?page=1000000")
        .await
        .expect(200);
    assert_eq!(beyond["conversations"], json!([]));
}

#[tokio::test]
async fn a_list_can_be_filtered() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let bread = create(&user, "Baking bread").await;
    create(&user, "100% _rye").await;
    let change = json!({ "pinned": true, "archived": true, "tags": ["food"] });
    user.patch(&format!("/chat/conversations/{bread}"), change)
        .await
        .expect(200);
    for (query, expected) in [
        ("q=BREAD", vec!["Baking bread"]),
        ("q=%25", vec!["100% _rye"]),
        ("q=_", vec!["100% _rye"]),
        ("pinned=true", vec!["Baking bread"]),
        ("archived=false", vec!["100% _rye"]),
        ("tag=food", vec!["Baking bread"]),
        ("tag=none", vec![]),
    ] {
        let found = user
            .get(&format!("/chat/conversations?{query}"))
            .await
            .expect(200);
        assert_eq!(titles(&found), expected, "{query}");
        assert_eq!(found["total"], expected.len(), "{query}");
    }
}
