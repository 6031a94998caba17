//! Kills, cuts, pauses and floods against the real binary, and the promises that must hold through
//! all of them. The tests are in `tests/promises`, a module per promise or family; what they share is
//! here. README.md says how to run it and how to read what it prints.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test as a whole: what it can't go on from should panic where it is"
)]

pub mod cluster;
pub mod columns;
pub mod crash;
pub mod database;
pub mod disk;
pub mod every_write;
pub mod history;
pub mod kept;
pub mod kill;
pub mod node;
pub mod programs;
pub mod raw;
pub mod reader;
pub mod reading;
pub mod rig;
pub mod scene;
pub mod sender;
pub mod strait;
pub mod stuck;

pub use database::{Database, Kind};
pub use node::Node;
pub use scene::Scene;
