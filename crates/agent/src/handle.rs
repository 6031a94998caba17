//! What the server may ask of the agent.

use std::sync::Arc;

use domain::RunId;

use crate::ports::{ModelCatalog, Toolbox};

/// The server's side of AgentCore: it wakes the scheduler and names models and tools. Runs are
/// made, read and stopped through the store; the agent finds them there.
#[derive(Clone)]
pub struct AgentHandle {
    pub models: Arc<dyn ModelCatalog>,
    pub tools: Toolbox,
    bus: Arc<dyn domain::Bus>,
}

impl AgentHandle {
    #[must_use]
    pub fn new(models: Arc<dyn ModelCatalog>, tools: Toolbox, bus: Arc<dyn domain::Bus>) -> Self {
        Self { models, tools, bus }
    }

    /// A run was queued: somebody claim it.
    pub fn wake(&self) {
        self.bus.signal(domain::Signal::RunQueued);
    }

    /// A stop was recorded: whoever drives the run ends it now.
    pub fn cancelled(&self, run_id: RunId) {
        self.bus.signal(domain::Signal::RunCancelled { run_id });
    }
}
