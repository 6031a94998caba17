//! The instruments of the tests: a scripted model, clients that check what they read, a clock and
//! ids that a test decides, the real binary as a child process. A dev-dependency, but of `chaos`,
//! which is a test as a whole.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test support: a set-up that fails should panic where it fails"
)]

pub mod app;
pub mod client;
pub mod database;
pub mod dice;
pub mod faketime;
pub mod golden;
mod over_socket;
mod port;
pub mod process;
pub mod proxy;
pub mod scripted;
pub mod socket;
pub mod sse;
pub mod strace;
pub mod time;
pub mod transcript;
pub mod witness;

pub use app::TestApp;
pub use client::Client;
pub use database::TestDatabase;
pub use dice::Dice;
pub use faketime::FakeTime;
pub use port::Port;
pub use proxy::CuttingProxy;
pub use scripted::{ScriptedModel, scripted_text};
pub use server::operations;
pub use socket::{Incoming, Socket};
pub use strace::{Fault, Strace, Which};
pub use time::{FakeClock, SeqIds};
pub use transcript::Transcript;
pub use witness::{Behaviour, Witness};
