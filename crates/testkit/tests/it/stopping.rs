//! A stop in the middle of several calls: nothing is begun after it, and nobody is asked for ever.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use agent::ports::{Tool, ToolContext, ToolError, ToolPlan, ToolSpec, Toolbox};
use domain::todo::Command;
use domain::{TodoCommand, ToolClass, ToolPolicy};
use serde_json::{Value, json};
use testkit::app::Options;
use testkit::{Behaviour, TestApp, Witness};
use tools::HttpToolConfig;

use crate::orders::{allowed, databases, decision, ended, order, text};

const CALLS: usize = 3;

/// Adds a todo. Its second call waits, planned and not yet carried out, until it is let go.
struct Note {
    spec: ToolSpec,
    plans: AtomicUsize,
    begun: Mutex<mpsc::Sender<()>>,
    go: Mutex<mpsc::Receiver<()>>,
}

impl Tool for Note {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn class(&self) -> ToolClass {
        ToolClass::Transactional
    }

    fn policy(&self) -> ToolPolicy {
        ToolPolicy::Allow
    }

    fn plan(&self, _: &ToolContext, _: &Value) -> Result<ToolPlan, ToolError> {
        let plan = self.plans.fetch_add(1, Ordering::SeqCst);
        // Each is planned once more before, when the answer that asks for them is checked.
        if plan == CALLS + 1 {
            self.begun.lock().unwrap().send(()).unwrap();
            let go = self.go.lock().unwrap();
            tokio::task::block_in_place(|| go.recv_timeout(Duration::from_secs(60)).unwrap());
        }
        let add = TodoCommand::Add {
            title: format!("note {plan}"),
            due_at: None,
        };
        Ok(ToolPlan::Commit(Command::Todo(add)))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_whose_turn_has_not_come_are_not_made_after_a_stop() {
    for database in databases().await {
        let (begun, began) = mpsc::channel();
        let (go, gone) = mpsc::channel();
        let note = Note {
            spec: ToolSpec {
                name: "note".to_owned(),
                description: "Notes.".to_owned(),
                schema: json!({ "type": "object" }),
            },
            plans: AtomicUsize::new(0),
            begun: Mutex::new(begun),
            go: Mutex::new(gone),
        };
        let options = Options {
            tools: Toolbox::new([Arc::new(note) as Arc<dyn Tool>]),
            ..Options::default()
        };
        let app = TestApp::with(database, options).await;
        let user = app.user().await;
        let content = "Note [[script: tool=note tool=note tool=note tokens=1]]";
        let sent = user.try_send_async(&json!({ "content": content })).await;
        let sent = sent.unwrap().expect(202);
        tokio::task::block_in_place(|| began.recv_timeout(Duration::from_secs(60)).unwrap());
        let path = format!("/chat/runs/{}/cancel", text(&sent, "run_id"));
        user.post(&path, json!({})).await.expect(200);
        go.send(()).unwrap();

        let (state, messages) = ended(&user, &sent).await;
        assert_eq!(state, "cancelled");
        let todos = user.get("/todos").await.expect(200);
        let todos = todos["todos"].as_array().unwrap();
        assert_eq!(todos.len(), 1, "only the first: {todos:?}");
        let results = messages
            .iter()
            .filter(|message| message["message_type"] == "tool_result");
        let results: Vec<_> = results.map(|m| text(m, "tool_success")).collect();
        assert_eq!(results, ["true", "false", "false"]);
        app.stop().await;
    }
}

#[tokio::test]
async fn nobody_is_asked_about_a_call_of_a_run_that_was_stopped() {
    for database in databases().await {
        let witness = Witness::start().await;
        witness.behave(Behaviour::Hang);
        let pay = HttpToolConfig {
            name: "pay".to_owned(),
            ..allowed(witness.url())
        };
        let options = Options {
            tools: tools::toolbox(&[order(witness.url()), pay]).unwrap(),
            ..Options::default()
        };
        let app = TestApp::with(database, options).await;
        let user = app.user().await;
        let content = concat!(
            r#"Both [[script: tool=order args={"sku":"A"} "#,
            r#"tool=pay args={"sku":"B"} tokens=1]]"#,
        );
        let sent = user.try_send_async(&json!({ "content": content })).await;
        let sent = sent.unwrap().expect(202);
        witness.acted(1).await;
        let asked = user.get("/chat/approvals").await.expect(200);
        let asked = &asked["approvals"][0];
        let path = format!("/chat/runs/{}/cancel", text(&sent, "run_id"));
        user.post(&path, json!({})).await.expect(200);
        assert_eq!(ended(&user, &sent).await.0, "cancelled");

        let left = user.get("/chat/approvals").await.expect(200);
        assert_eq!(left["approvals"], json!([]));
        let (path, body) = decision(asked, "approve");
        assert_eq!(user.post(&path, body).await.code(), "already_decided");
        assert_eq!(witness.entries().len(), 1);
        app.stop().await;
    }
}
