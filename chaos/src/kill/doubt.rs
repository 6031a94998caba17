//! A proof that cannot fail proves nothing: the comparison is told lies, and must find each.

use serde_json::json;
use testkit::{TestApp, TestDatabase, Transcript};

use super::compare;
use super::writer::{Log, Sent, Told};
use crate::database::Database;

/// One message that was sent, stored and answered.
async fn honest(app: &TestApp) -> Log {
    let client = app.user().await;
    let key = "0190a0a0-0000-4000-8000-000000000001";
    let content = r#"Hello [[script: tool=todo_add args={"title":"milk"} tokens=3]]"#;
    let body = json!({"content": content, "client_message_id": key});
    let answer = client.send(body).await.expect(200);
    let mut read = Transcript::default();
    read.message(&answer["ai_message"]).unwrap();
    Log {
        client,
        email: "user0@example.org".to_owned(),
        sent: vec![Sent {
            key: key.to_owned(),
            content: content.to_owned(),
            tokens: 3,
            todo: Some("milk".to_owned()),
            told: Told::Acknowledged,
            conversation: None,
        }],
        read,
        violations: Vec::new(),
        attempts: 1,
        resumed: 0,
    }
}

#[tokio::test]
async fn every_lie_is_found() {
    let app = TestApp::start().await;
    let database = Database::of(&TestDatabase::sqlite(), &app.data_dir());
    let mut log = honest(&app).await;
    let truth = log.sent[0].clone();
    let (_, broken) = compare::everything(std::slice::from_ref(&log), &database).await;
    assert_eq!(broken, Vec::<String>::new());

    let lost = Sent {
        key: "0190a0a0-0000-4000-8000-000000000002".to_owned(),
        ..truth.clone()
    };
    let lies: [(&str, Vec<Sent>); 5] = [
        ("acknowledged and lost", vec![truth.clone(), lost]),
        ("never sent", vec![]),
        (
            "refused and yet stored",
            vec![Sent {
                told: Told::Refused,
                ..truth.clone()
            }],
        ),
        (
            "changed",
            vec![Sent {
                content: "Hi".to_owned(),
                ..truth.clone()
            }],
        ),
        (
            "tokens wanted",
            vec![Sent {
                tokens: 4,
                ..truth.clone()
            }],
        ),
    ];
    for (word, sent) in lies {
        log.sent = sent;
        let (_, broken) = compare::everything(std::slice::from_ref(&log), &database).await;
        assert!(
            broken.iter().any(|found| found.contains(word)),
            "{word}: {broken:?}"
        );
    }

    log.sent = vec![truth];
    let (&id, known) = log.read.messages.iter_mut().next().unwrap();
    known.text.push_str(" more than was kept");
    let (_, broken) = compare::everything(std::slice::from_ref(&log), &database).await;
    assert!(broken[0].contains(&format!("message {id}")), "{broken:?}");

    log.read = Transcript::default();
    let again = json!({"title": "milk"});
    log.client.post("/todos", again).await.expect(201);
    let (_, broken) = compare::everything(std::slice::from_ref(&log), &database).await;
    assert!(broken[0].contains("todos twice"), "{broken:?}");
    app.stop().await;
}
