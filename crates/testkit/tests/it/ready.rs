//! Asking whether the server is ready costs nothing, whatever the state of its store.

use domain::store::{Health, Maintenance};
use serde_json::json;
use sqlx::{Connection, SqliteConnection};
use testkit::app::Options;
use testkit::{TestApp, TestDatabase};

/// Everybody may ask, and every open page does: a try with each would be a write with each.
#[tokio::test]
async fn to_ask_does_not_try_the_store() {
    let database = TestDatabase::sqlite();
    // Whoever works in the background writes, and a write that succeeds says that it can be done.
    let options = Options {
        answers: false,
        ..Options::default()
    };
    let app = TestApp::with(database, options).await;
    let client = app.user().await;
    let url = TestDatabase::sqlite().url(&app.data_dir());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let refused = client.post("/chat/conversations", json!({})).await;
    assert_eq!(refused.expect(503)["code"], "not_writable");
    lock.rollback().await.unwrap();

    let ready = async || {
        let answer = reqwest::get(format!("{}/ready", app.url)).await.unwrap();
        answer.status().as_u16()
    };
    for _ in 0..3 {
        assert_eq!(ready().await, 503, "it was tried");
    }
    assert_eq!(app.store.probe().await, Health::Ready);
    assert_eq!(ready().await, 200);
    other.close().await.unwrap();
    app.stop().await;
}
