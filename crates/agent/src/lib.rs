//! AgentCore: the turn as a pure machine, the driver that executes its effects, and the ports
//! through which it reaches models and tools.

pub mod approval;
mod calls;
pub mod context;
pub mod driver;
pub mod failpoints;
pub mod handle;
pub mod lease;
pub mod machine;
pub mod ports;
pub mod scheduler;
mod title;
mod writer;

pub use handle::AgentHandle;
