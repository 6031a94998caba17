//! "Always in this conversation": asked once, made without asking later, revocable, and never more
//! than the operator allows.

use domain::ToolPolicy;
use serde_json::{Value, json};
use testkit::{Client, Witness};
use tools::HttpToolConfig;

use crate::orders::{
    ORDER, ask, databases, decision, ended, order, restarted, start, text, waiting,
};

async fn again(user: &Client, sent: &Value) -> Value {
    let body = json!({ "content": ORDER, "conversation_id": sent["conversation_id"] });
    user.send(body).await.expect(200)
}

fn permissions(sent: &Value) -> String {
    let id = text(sent, "conversation_id");
    format!("/chat/conversations/{id}/permissions")
}

async fn listed(user: &Client, sent: &Value) -> Vec<String> {
    let listed = user.get(&permissions(sent)).await.expect(200);
    let all = listed["permissions"].as_array().unwrap();
    all.iter()
        .map(|one| text(one, "tool_name").to_owned())
        .collect()
}

/// Asks for an order and allows it for the conversation.
async fn permitted(user: &Client) -> Value {
    let sent = ask(user, ORDER).await;
    let (path, mut body) = decision(&waiting(user).await, "approve");
    body["scope"] = json!("conversation");
    let decided = user.post(&path, body).await.expect(200);
    assert_eq!(decided["scope"], "conversation");
    ended(user, &sent).await;
    sent
}

#[tokio::test]
async fn a_permission_holds_in_its_conversation_until_it_is_revoked() {
    for database in databases().await {
        let witness = Witness::start().await;
        let app = start(database, order(witness.url())).await;
        let user = app.user().await;
        let sent = permitted(&user).await;
        assert_eq!(listed(&user, &sent).await, ["order"]);
        assert_eq!(witness.entries().len(), 1);

        // Not asked for again, after a restart neither; and the card says why.
        let (app, user) = restarted(app, &user).await;
        let second = again(&user, &sent).await;
        assert_eq!(second["ai_message"]["status"], "complete");
        assert_eq!(witness.entries().len(), 2);
        let messages = user.messages(text(&sent, "conversation_id")).await;
        let calls = messages.iter().filter(|m| m["message_type"] == "tool_call");
        let how: Vec<_> = calls
            .map(|call| call["additional_data"]["permitted"].clone())
            .collect();
        assert_eq!(how, [Value::Null, json!("conversation")]);

        // Elsewhere it asks.
        let elsewhere = ask(&user, ORDER).await;
        assert_eq!(elsewhere["ai_message"]["status"], "awaiting_approval");
        assert_eq!(listed(&user, &elsewhere).await, Vec::<String>::new());

        let one = format!("{}/order", permissions(&sent));
        user.delete(&one).await.expect(204);
        user.delete(&one).await.expect(404);
        assert_eq!(listed(&user, &sent).await, Vec::<String>::new());
        let third = again(&user, &sent).await;
        assert_eq!(third["ai_message"]["status"], "awaiting_approval");
        assert_eq!(witness.entries().len(), 2);
        app.stop().await;
    }
}

#[tokio::test]
async fn a_permission_loosens_nothing_that_the_operator_denies() {
    for database in databases().await {
        let witness = Witness::start().await;
        let app = start(database, order(witness.url())).await;
        let user = app.user().await;
        let sent = permitted(&user).await;
        let denied = HttpToolConfig {
            policy: ToolPolicy::Deny,
            ..order(witness.url())
        };
        let token = user.token();
        let app = app.restart_with(tools::toolbox(&[denied]).unwrap()).await;
        let user = app.client();
        user.set_token(token);
        again(&user, &sent).await;
        let messages = user.messages(text(&sent, "conversation_id")).await;
        let last = messages.iter().rfind(|m| m["message_type"] == "tool_call");
        assert_eq!(last.unwrap()["additional_data"]["state"], "denied");
        assert_eq!(witness.entries().len(), 1);
        app.stop().await;
    }
}

/// Approved, and taken away before it could leave: what is made is what the operator allows now.
#[tokio::test]
async fn an_approval_loosens_nothing_either() {
    for database in databases().await {
        let witness = Witness::start().await;
        let app = start(database, order(witness.url())).await;
        let user = app.user().await;
        let sent = ask(&user, ORDER).await;
        let approval = waiting(&user).await;
        let denied = HttpToolConfig {
            policy: ToolPolicy::Deny,
            ..order(witness.url())
        };
        let token = user.token();
        let app = app.restart_with(tools::toolbox(&[denied]).unwrap()).await;
        let user = app.client();
        user.set_token(token);
        let (path, body) = decision(&approval, "approve");
        user.post(&path, body).await.expect(200);
        let (state, messages) = ended(&user, &sent).await;
        assert_eq!(state, "completed");
        assert_eq!(crate::orders::outcome(&messages).0, "denied");
        assert_eq!(witness.entries(), []);
        app.stop().await;
    }
}

/// What the permission lets through is made in its turn, not after what stands behind it.
#[tokio::test]
async fn a_permitted_call_is_made_in_the_order_asked() {
    for database in databases().await {
        let witness = Witness::start().await;
        let app = start(database, order(witness.url())).await;
        let user = app.user().await;
        let sent = permitted(&user).await;
        let content = concat!(
            r#"Order [[script: tool=order args={"sku":"A-2"} "#,
            r#"tool=todo_add args={"title":"wait for A-2"} tokens=1]]"#,
        );
        let body = json!({ "content": content, "conversation_id": sent["conversation_id"] });
        user.send(body).await.expect(200);
        let messages = user.messages(text(&sent, "conversation_id")).await;
        let results = messages
            .iter()
            .filter(|m| m["message_type"] == "tool_result");
        let names: Vec<_> = results.map(|m| text(m, "tool_name")).collect();
        assert_eq!(names, ["order", "order", "todo_add"]);
        app.stop().await;
    }
}
