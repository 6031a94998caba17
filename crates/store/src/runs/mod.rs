//! Runs: from a user's message to a final answer.

pub(crate) mod answer;
pub(crate) mod cancel;
pub(crate) mod claim;
pub(crate) mod deltas;
pub(crate) mod finish;
pub(crate) mod intent;
pub(crate) mod ledger;
pub(crate) mod queue;
pub(crate) mod recall;
pub(crate) mod retry;
pub(crate) mod row;
pub(crate) mod send;
pub(crate) mod step;
mod store;
