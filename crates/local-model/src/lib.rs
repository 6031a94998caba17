//! The small model inside the process: a GGUF file run by llama.cpp, behind the port
//! [`agent::ports::Model`].
//!
//! One thread owns the engine ([`engine`]). It loads the file at the first request, answers up to
//! four conversations together, lets a bounded number of others wait, and unloads when idle.

mod config;
mod cpu;
mod engine;
mod failure;
mod file;
mod loaded;
mod model;
mod prompt;
mod sampling;
mod seat;
mod text;

pub use config::LocalConfig;
pub use cpu::check as check_processor;
pub use model::LocalModel;
