//! The server as its clients see it, over real HTTP, with a real store and a scripted model.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests are tests"
)]

mod headers;
mod input;
mod openapi;
mod ownership;
mod page;
mod routes;
mod serve;
mod support;
