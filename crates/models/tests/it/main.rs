//! Models against servers that answer as their documentation says, and as it does not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod anthropic;
mod catalog;
mod connection;
mod download;
mod faults;
mod gemini;
mod ollama;
mod openai;
mod support;
