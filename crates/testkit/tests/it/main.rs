//! The instruments themselves, and the rules of the house.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests are tests"
)]

mod agent;
mod app;
mod approvals;
mod effects;
mod models;
mod orders;
mod permissions;
mod policies;
mod proxy;
mod queue;
mod ready;
mod scripted;
mod security;
mod stopping;
mod strace;
mod tidy;
mod unknown;
mod wire;
