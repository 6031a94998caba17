//! What the operator says of the built-in tools holds for them as for those of his own, although
//! their effects are in our own database.

use domain::ToolPolicy;
use serde_json::{Value, json};
use testkit::app::Options;
use testkit::{Client, TestApp, TestDatabase, scripted_text};

use crate::orders::{
    ask, databases, decide, ended, next_turn_works, outcome, restarted, told, waiting,
};

const ADD: &str = r#"Note it [[script: tool=todo_add args={"title":"milk"} tokens=3]]"#;

async fn start(database: TestDatabase, policy: ToolPolicy) -> TestApp {
    let policies = [("todo_add".to_owned(), policy)].into_iter().collect();
    let options = Options {
        tools: tools::under(&tools::built_in(), &policies).unwrap(),
        ..Options::default()
    };
    TestApp::with(database, options).await
}

async fn titles(user: &Client) -> Vec<String> {
    let listed = user.get("/todos").await.expect(200);
    let todos = listed["todos"].as_array().unwrap().iter();
    todos
        .map(|todo| todo["title"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_built_in_tool_that_asks_waits_and_then_acts_once() {
    for database in databases().await {
        let app = start(database, ToolPolicy::Ask).await;
        let user = app.user().await;
        let sent = ask(&user, ADD).await;
        assert_eq!(sent["ai_message"]["status"], "awaiting_approval");
        let approval = waiting(&user).await;
        assert_eq!(approval["tool_name"], "todo_add");
        assert_eq!(approval["arguments"], json!({"title": "milk"}));
        // It goes nowhere.
        assert_eq!(approval["target"], Value::Null);
        assert_eq!(titles(&user).await, [] as [&str; 0]);

        // It waits through a restart, and a second word after the first changes nothing.
        let (app, user) = restarted(app, &user).await;
        assert_eq!(waiting(&user).await, approval);
        assert_eq!(titles(&user).await, [] as [&str; 0]);
        decide(&user, &approval, "approve").await;
        let (state, messages) = ended(&user, &sent).await;
        assert_eq!(state, "completed");
        assert_eq!(messages.last().unwrap()["content"], scripted_text(3));
        let (state, success, _) = outcome(&messages);
        assert_eq!((state, success), ("succeeded", "true"));
        assert_eq!(titles(&user).await, ["milk"]);

        let (app, user) = restarted(app, &user).await;
        next_turn_works(&user, &sent).await;
        assert_eq!(titles(&user).await, ["milk"]);
        app.stop().await;
    }
}

#[tokio::test]
async fn a_built_in_tool_that_was_not_approved_does_nothing() {
    for database in databases().await {
        let app = start(database, ToolPolicy::Ask).await;
        let user = app.user().await;
        let sent = ask(&user, ADD).await;
        decide(&user, &waiting(&user).await, "deny").await;
        let (state, messages) = ended(&user, &sent).await;
        assert_eq!(state, "completed");
        assert_eq!(outcome(&messages).0, "denied");
        assert_eq!(titles(&user).await, [] as [&str; 0]);
        next_turn_works(&user, &sent).await;
    }
}

#[tokio::test]
async fn a_built_in_tool_that_is_denied_is_neither_offered_nor_made() {
    for database in databases().await {
        let app = start(database, ToolPolicy::Deny).await;
        let user = app.user().await;
        let sent = ask(&user, ADD).await;
        assert_eq!(sent["ai_message"]["status"], "complete");
        let (state, messages) = ended(&user, &sent).await;
        assert_eq!(state, "completed");
        let (state, success, result) = outcome(&messages);
        assert_eq!((state, success), ("denied", "false"), "{result}");
        assert!(told(&app).contains("not allowed here"), "{}", told(&app));
        let offered = app.model.answers()[0].body["tools"].to_string();
        assert!(offered.contains("todo_list") && !offered.contains("todo_add"));
        // What the user adds by hand is no business of the policy.
        assert_eq!(titles(&user).await, [] as [&str; 0]);
        let own = json!({"title": "by hand"});
        user.post("/todos", own).await.expect(201);
        assert_eq!(titles(&user).await, ["by hand"]);
        next_turn_works(&user, &sent).await;
    }
}
