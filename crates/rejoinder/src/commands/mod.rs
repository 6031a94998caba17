//! One file per command.

pub mod backup;
pub mod config;
pub mod doctor;
pub mod migrate;
pub mod models;
pub mod pull;
pub mod restore;
pub mod serve;
pub mod user;
