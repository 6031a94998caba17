//! The binary as an operator meets it: commands, refusals to start, stopping.

#![expect(clippy::unwrap_used, reason = "tests")]

mod backup;
mod commands;
mod examples;
mod processor;
mod refusals;
mod running;
mod support;
