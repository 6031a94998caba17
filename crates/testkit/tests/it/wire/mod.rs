//! The wire as it is: every page of `docs/wire` is what the whole server says, object by object.
//! Time stands still; runs are held at gates, or read again from the log when they are over, so that
//! the same is said in every run and on both databases.

mod coverage;
mod frames;
mod rest;
mod scenes;
mod streams;

use std::sync::Arc;

use testkit::app::Options;
use testkit::{FakeClock, TestApp};

const PAGES: &[&str] = &["frames.md", "rest.md", "streams.md"];

fn still() -> Options {
    Options {
        clock: Arc::new(FakeClock::default()),
        ..Options::default()
    }
}

async fn app() -> TestApp {
    TestApp::start_with(still()).await
}
