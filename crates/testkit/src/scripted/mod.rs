//! An OpenAI-compatible model whose every word is known beforehand.
//!
//! The script comes with the last user message of a request (see [`script`]), or is registered
//! under the request's model name; otherwise the model answers with 20 tokens. The n-th model call
//! of a turn plays the n-th round. A request that ends with an assistant message is a prefilled
//! answer: the model goes on where it ends.

pub mod gates;
mod listener;
mod reply;
pub mod script;
mod server;

pub use gates::Gate;
pub use script::{Fault, Round, Script, scripted_text, tokens};
pub use server::{Ended, Recorded, ScriptedModel};
