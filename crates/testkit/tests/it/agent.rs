//! AgentCore against a model that breaks in every way, with real tools, store and server.

use serde_json::{Value, json};
use testkit::{Client, TestApp, scripted_text};

/// Sends and waits for the end of the run.
async fn ask(user: &Client, conversation: Option<&str>, content: &str) -> Value {
    let body = json!({"content": content, "conversation_id": conversation});
    user.send(body).await.expect(200)
}

fn conversation(sent: &Value) -> &str {
    sent["conversation_id"].as_str().unwrap()
}

/// Every call has exactly one result, and nothing is left open.
fn assert_whole(messages: &[Value]) {
    let ids = |kind: &str| -> Vec<&str> {
        let of_kind = messages.iter().filter(|m| m["message_type"] == kind);
        let mut ids: Vec<_> = of_kind
            .map(|m| m["additional_data"]["call_id"].as_str().unwrap())
            .collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids("tool_call"), ids("tool_result"));
    for message in messages {
        let status = message["status"].as_str().unwrap();
        assert!(
            ["complete", "failed", "cancelled"].contains(&status),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_model_that_fails_leaves_what_it_said_and_a_next_turn_that_works() {
    let app = TestApp::start().await;
    let user = app.user().await;
    // What breaks, the code that is shown, and whether asking again can help.
    for (fault, code, retryable) in [
        ("reset@3", "model_interrupted", true),
        ("end@3", "model_interrupted", true),
        ("error@3", "model_upstream", true),
        ("malformed@3", "model_protocol", true),
        ("long_line@3", "model_protocol", true),
    ] {
        let sent = ask(
            &user,
            None,
            &format!("Break [[script: tokens=9 fault={fault}]]"),
        )
        .await;
        let answer = &sent["ai_message"];
        assert_eq!(answer["status"], "failed", "{fault}: {answer}");
        let said = answer["content"].as_str().unwrap();
        assert_eq!(said.trim_end(), scripted_text(3), "{fault}");
        let error = &answer["additional_data"]["error"];
        assert_eq!(
            (&error["code"], &error["retryable"]),
            (&json!(code), &json!(retryable)),
            "{fault}"
        );

        let again = ask(
            &user,
            Some(conversation(&sent)),
            "And now? [[script: tokens=2]]",
        )
        .await;
        assert_eq!(again["ai_message"]["status"], "complete", "{fault}");
        assert_whole(&user.messages(conversation(&sent)).await);
    }
}

#[tokio::test]
async fn before_the_first_token_the_model_is_asked_again_by_itself() {
    let app = TestApp::start().await;
    let user = app.user().await;
    for fault in ["500", "529", "reset@0", "429 retry_after=0"] {
        let before = app.model.answers().len();
        let content = format!("Again [[script: tokens=2 fault={fault} times=1]]");
        let sent = ask(&user, None, &content).await;
        assert_eq!(sent["ai_message"]["content"], scripted_text(2), "{fault}");
        assert_eq!(app.model.answers().len() - before, 2, "{fault}");
    }
}

#[tokio::test]
async fn what_can_not_help_is_not_repeated() {
    let app = TestApp::start().await;
    let user = app.user().await;
    for (fault, code) in [("401", "model_auth"), ("400", "model_refused")] {
        let before = app.model.answers().len();
        let sent = ask(&user, None, &format!("No [[script: fault={fault}]]")).await;
        let answer = &sent["ai_message"];
        assert_eq!(answer["status"], "failed");
        assert_eq!(answer["content"], "");
        assert_eq!(answer["additional_data"]["error"]["code"], code);
        assert_eq!(app.model.answers().len() - before, 1, "{fault}");
    }
}

#[tokio::test]
async fn strange_tool_calls_never_wedge_a_conversation() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let two =
        r#"tool=calculator args={"expression":"6*7"} tool=calculator args={"expression":"1+1"}"#;
    for script in [
        format!("{two} dup_ids"),
        format!("{two} no_ids"),
        format!("{two} no_index"),
        "tool=no_such_tool args={}".to_owned(),
        r#"tool=calculator args={"expression":5}"#.to_owned(),
        r#"tool=todo_remove args={"id":424242}"#.to_owned(),
    ] {
        let sent = ask(&user, None, &format!("Tools [[script: {script} tokens=2]]")).await;
        assert_eq!(sent["ai_message"]["content"], scripted_text(2), "{script}");
        let again = ask(
            &user,
            Some(conversation(&sent)),
            "More [[script: tokens=1]]",
        )
        .await;
        assert_eq!(again["ai_message"]["status"], "complete", "{script}");
        let messages = user.messages(conversation(&sent)).await;
        assert_whole(&messages);
        if script.starts_with(two) {
            let results: Vec<&Value> = messages
                .iter()
                .filter(|m| m["message_type"] == "tool_result")
                .map(|m| &m["additional_data"]["result"]["result"])
                .collect();
            assert_eq!(results.len(), 2, "{script}");
            assert!(
                results.contains(&&json!("42")) && results.contains(&&json!("2")),
                "{results:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_call_that_the_output_limit_cut_is_not_made() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let content = r#"Cut [[script: before=2 tool=todo_add args={"title":"half"} fault=cut_args]]"#;
    let sent = ask(&user, None, content).await;
    assert_eq!(user.get("/todos").await.expect(200)["todos"], json!([]));
    let messages = user.messages(conversation(&sent)).await;
    assert_whole(&messages);
    assert!(messages.iter().all(|m| m["message_type"] != "tool_call"));
}

#[tokio::test]
async fn a_model_that_always_calls_tools_is_asked_once_more_without_them() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let content = r#"Loop [[script: before=1 tool=calculator args={"expression":"1"} repeat]]"#;
    let sent = ask(&user, None, content).await;
    let answer = &sent["ai_message"];
    assert_eq!(answer["additional_data"]["limit"], "steps", "{answer}");
    assert_eq!(answer["status"], "complete");
    let requests = app.model.answers();
    assert_eq!(
        requests.len(),
        usize::try_from(domain::limits::RUN_STEPS).unwrap()
    );
    assert!(
        requests
            .last()
            .unwrap()
            .body
            .get("tools")
            .is_none_or(Value::is_null)
    );
    assert_whole(&user.messages(conversation(&sent)).await);
}

#[tokio::test]
async fn past_the_window_the_oldest_turns_are_left_out_and_the_place_is_marked() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let mut id: Option<String> = None;
    let mut last = Value::Null;
    // Twelve of these are more than the 32,768 tokens assumed for the endpoint.
    for n in 0..12 {
        let content = format!("n{n} {} [[script: tokens=1]]", "x".repeat(9_900));
        last = ask(&user, id.as_deref(), &content).await;
        id = Some(conversation(&last).to_owned());
    }
    let marked = last["ai_message"]["additional_data"]["context"]["omitted_before"].as_i64();
    let first_shown = marked.expect("something was left out");
    let messages = user.messages(id.as_deref().unwrap()).await;
    assert!(messages[0]["id"].as_i64().unwrap() < first_shown);
    let request = app.model.answers().pop().unwrap();
    let shown: String = request
        .messages()
        .iter()
        .map(|m| m["content"].to_string())
        .collect();
    assert!(!shown.contains("n0 ") && shown.contains("n11 "));
}

#[tokio::test]
async fn the_first_exchange_gets_a_title_from_the_model_unless_the_user_gave_one() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let sent = ask(
        &user,
        None,
        "What is a run? [[script: tokens=2 gate=hold@1]]",
    );
    let name_it = async {
        app.model.gate("hold").reached(1).await;
        let id = user.conversations().await[0]["conversation_id"]
            .as_str()
            .unwrap()
            .to_owned();
        let title = json!({"title": "Mine"});
        user.patch(&format!("/chat/conversations/{id}"), title)
            .await
            .expect(200);
        app.model.gate("hold").open();
    };
    let (sent, ()) = tokio::join!(sent, name_it);
    let named = user
        .get(&format!("/chat/conversations/{}", conversation(&sent)))
        .await
        .expect(200);
    assert_eq!(named["title"], "Mine");

    let mut socket = user.socket(None, &[]).await;
    socket.frame("connection").await;
    ask(&user, None, "Another question [[script: tokens=2]]").await;
    // First the words of the question, then what the model made of them.
    socket
        .until(|f| f["type"] == "conversation" && f["data"]["title"] == "A scripted title")
        .await;
}

#[tokio::test]
async fn a_second_answer_stands_beside_the_first_and_does_not_know_it() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let sent = ask(&user, None, "Once [[script: tokens=3]]").await;
    let (id, first) = (
        conversation(&sent),
        sent["ai_message"]["id"].as_i64().unwrap(),
    );
    let path = format!("/chat/conversations/{id}/messages/{first}/regenerate");
    let again = user.post(&path, json!({})).await.expect(202);
    let run = again["run_id"].as_str().unwrap();
    let mut events = user
        .try_events(&format!("/chat/runs/{run}/events"))
        .await
        .unwrap();
    while events.next().await.is_some() {}

    let messages = user.messages(id).await;
    assert_eq!(messages.len(), 2, "one path of the tree");
    let second = messages[1]["id"].as_i64().unwrap();
    assert_ne!(second, first);
    assert_eq!(messages[1]["siblings"], json!([first, second]));
    let request = app.model.answers().pop().unwrap();
    assert!(
        request
            .messages()
            .iter()
            .all(|message| message["role"] != "assistant")
    );
}

#[tokio::test]
async fn who_joins_a_run_without_a_position_sees_all_that_it_said() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let sent = ask(
        &user,
        None,
        "When? [[script: tool=current_time args={} tokens=2]]",
    )
    .await;
    let run = sent["run_id"].as_str().unwrap();
    let path = format!("/chat/runs/{run}/events");
    let mut events = user.try_events(&path).await.unwrap();
    let mut seen = Vec::new();
    while let Some(event) = events.next().await {
        let frame = event.unwrap().data;
        if frame["type"] == "message" {
            seen.push((
                frame["data"]["id"].clone(),
                frame["data"]["content"].clone(),
            ));
        }
    }
    let messages = user.messages(conversation(&sent)).await;
    let all: Vec<_> = messages
        .iter()
        .map(|message| (message["id"].clone(), message["content"].clone()))
        .collect();
    assert_eq!(all.len(), 5, "{messages:#?}");
    assert_eq!(seen, all);
}

#[tokio::test]
async fn the_time_is_told_in_the_browsers_zone() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let body = json!({
        "content": "When? [[script: tool=current_time args={} tokens=1]]",
        "time_zone": "Asia/Kathmandu",
    });
    let sent = user.send(body).await.expect(200);
    let messages = user.messages(conversation(&sent)).await;
    let result = messages
        .iter()
        .find(|m| m["message_type"] == "tool_result")
        .unwrap();
    let local = result["additional_data"]["result"]["local"]
        .as_str()
        .unwrap();
    assert!(local.ends_with("+05:45"), "{local}");
}
