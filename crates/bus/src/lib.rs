//! Wake-ups and memory tails inside one process.

mod local;

pub use local::LocalBus;
