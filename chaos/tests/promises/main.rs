//! The promises against the real binary, under their numbers. A module per
//! promise or family; a test per database. They need minutes: `make test` runs them in stages.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests are tests"
)]

mod ownership;
mod p10_slow_readers;
mod p11_flood;
mod p13_paused;
mod p16_stop;
mod p17_rights;
mod p17_whole;
mod p18_paging;
mod p1_acknowledged;
mod p1_p2_p4_kills;
mod p1_queue;
mod p1b_postgres;
mod p1b_power;
mod p1c_disk;
mod p1c_postgres;
mod p20_upgrade;
mod p21_backup;
mod p21_orders;
mod p22_frames;
mod p22_requests;
mod p22_siege;
mod p22_wire;
mod p23_bounds;
mod p23_defects;
mod p2_repeats;
mod p2_same_key;
mod p3_reconnect;
mod p3_seen;
mod p3b_any_script;
mod p4_matrix;
mod p5_retry;
mod p5_witnessed;
mod p5b_todos;
mod p6_at_once;
mod p6_tabs;
mod p7_deleted;
mod p7_secrets;
mod p8_failing_model;
mod p9_drain;
mod p9_listener;
mod tidy;

use std::time::{Duration, Instant};

/// Waits until a run is over, looking through the API.
async fn run_ends(client: &testkit::Client, run: &str) {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let found = client.get(&format!("/chat/runs/{run}")).await.expect(200);
        let state = found["state"].as_str().unwrap();
        if ["completed", "failed", "cancelled"].contains(&state) {
            return;
        }
        assert!(Instant::now() < until, "still open: {found}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
