//! The instruments themselves, the rules of the house, and the kill trials.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests are tests"
)]

mod agent;
mod app;
mod approvals;
mod crash;
mod kill;
mod scripted;
mod tidy;
