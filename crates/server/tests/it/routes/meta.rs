use serde_json::json;
use testkit::TestApp;

use crate::support::{numbered_codes, second};

#[tokio::test]
async fn the_page_learns_what_it_needs_before_anybody_signs_in() {
    let app = TestApp::start().await;
    let closed = second(&app, |config| {
        config.new_setup_code = Some(numbered_codes());
    })
    .await;
    let meta = |first_start: bool, setup_code_required: bool| {
        json!({
            "name": "Rejoinder",
            "version": "test",
            "first_start": first_start,
            "registration": "closed",
            "setup_code_required": setup_code_required,
            "password_reset_command": "rejoinder user passwd EMAIL",
        })
    };
    assert_eq!(
        closed.client.get("/meta").await.expect(200),
        meta(true, true)
    );
    app.user().await;
    assert_eq!(
        closed.client.get("/meta").await.expect(200),
        meta(false, false)
    );
    assert_eq!(
        app.client().get("/meta").await.expect(200)["registration"],
        "open"
    );
}
