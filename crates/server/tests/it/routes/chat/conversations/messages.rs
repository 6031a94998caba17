use serde_json::{Value, json};
use testkit::{Client, TestApp, scripted_text};

use crate::support::{answered, finished, uuid};

async fn talk(client: &Client, turns: usize) -> String {
    let mut body = json!({ "content": "Hi [[script: tokens=1]]" });
    for _ in 0..turns {
        let sent = client.send(body.clone()).await.expect(200);
        body["conversation_id"] = sent["conversation_id"].clone();
    }
    body["conversation_id"].as_str().unwrap().to_owned()
}

fn ids(page: &Value) -> Vec<i64> {
    page.as_array()
        .unwrap()
        .iter()
        .map(|message| message["id"].as_i64().unwrap())
        .collect()
}

#[tokio::test]
async fn the_latest_come_first_and_pages_lead_both_ways() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let id = talk(&user, 4).await;
    let path = format!("/chat/conversations/{id}/messages");
    let all = ids(&user.get(&path).await.expect(200));
    assert_eq!(all.len(), 8);

    let latest = user.get(&format!("{path}?limit=3")).await;
    let link = latest.headers["link"].to_str().unwrap().to_owned();
    let before = format!("</api/v1{path}?limit=3&before={}>; rel=\"prev\"", all[5]);
    assert_eq!(link, before);
    assert!(domain::Cursor::parse(latest.headers["x-cursor"].to_str().unwrap()).is_some());
    assert_eq!(ids(&latest.expect(200)), all[5..]);

    let middle = user.get(&format!("{path}?limit=3&before={}", all[5])).await;
    let link = middle.headers["link"].to_str().unwrap();
    assert!(
        link.contains("rel=\"prev\"") && link.contains("rel=\"next\""),
        "{link}"
    );
    assert_eq!(ids(&middle.expect(200)), all[2..5]);

    let after = user
        .get(&format!("{path}?limit=2&after={}", all[0]))
        .await
        .expect(200);
    assert_eq!(ids(&after), all[1..3]);
    let around = user
        .get(&format!("{path}?limit=3&around={}", all[4]))
        .await
        .expect(200);
    assert!(ids(&around).contains(&all[4]), "{:?}", ids(&around));

    for query in [
        "limit=0",
        "limit=201",
        "limit=x",
        "before=-1",
        "before=1&after=2",
    ] {
        user.get(&format!("{path}?{query}")).await.expect(422);
    }
    user.get(&format!("{path}?around=987654321"))
        .await
        .expect(404);
}

#[tokio::test]
async fn a_new_answer_stands_beside_the_old_one() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (id, message) = answered(&user).await;
    let path = format!("/chat/conversations/{id}/messages/{message}/regenerate");
    let response = user
        .request(reqwest::Method::POST, &path)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 202);
    let accepted: Value = response.json().await.unwrap();
    let new = accepted["ai_message"]["id"].as_i64().unwrap();
    assert_eq!(accepted["ai_message"]["siblings"], json!([message, new]));
    assert_eq!(accepted["conversation_id"], id);
    finished(&user, accepted["run_id"].as_str().unwrap()).await;
    let messages = user.messages(&id).await;
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[1]["id"], new);
    assert_eq!(messages[1]["content"], scripted_text(2));

    let question = messages[0]["id"].as_i64().unwrap();
    let path = format!("/chat/conversations/{id}/messages/{question}/regenerate");
    assert_eq!(user.post(&path, json!({})).await.status.as_u16() / 100, 4);
    let path = format!("/chat/conversations/{id}/messages/{new}/regenerate");
    user.post(&path, json!({ "model": "nobody/nothing" }))
        .await
        .expect(422);
    user.post(&path, json!({ "what": 1 })).await.expect(422);
}

#[tokio::test]
async fn a_message_that_never_started_again_has_no_earlier_text() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (id, message) = answered(&user).await;
    let path = format!("/chat/conversations/{id}/messages/{message}/revisions");
    assert_eq!(
        user.get(&path).await.expect(200),
        json!({ "revisions": [] })
    );
    let other = format!(
        "/chat/conversations/{}/messages/{message}/revisions",
        uuid()
    );
    user.get(&other).await.expect(404);
}
