//! Gates: a test holds the model at a token and lets it go.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::socket::PATIENCE;

/// Counts who has come to the gate, and whether it is open. An open gate stays open, so that a
/// model call repeated after a restart passes.
#[derive(Clone)]
pub struct Gate {
    arrived: Arc<watch::Sender<u64>>,
    open: Arc<watch::Sender<bool>>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            arrived: Arc::new(watch::channel(0).0),
            open: Arc::new(watch::channel(false).0),
        }
    }
}

impl Gate {
    /// Waits until so many answers have come here since the start.
    ///
    /// # Panics
    /// When they have not after [`PATIENCE`].
    pub async fn reached(&self, times: u64) {
        if tokio::time::timeout(PATIENCE, self.comes(times))
            .await
            .is_err()
        {
            let arrivals = self.arrivals();
            panic!("{times} answers never came to the gate; those that did: {arrivals}");
        }
    }

    /// As [`Gate::reached`], for whoever has a deadline of their own.
    pub(super) async fn comes(&self, times: u64) {
        // The sender lives in `self`: waiting can't fail.
        let mut arrived = self.arrived.subscribe();
        let _ = arrived.wait_for(|seen| *seen >= times).await;
    }

    #[must_use]
    pub fn arrivals(&self) -> u64 {
        *self.arrived.borrow()
    }

    pub fn open(&self) {
        self.open.send_replace(true);
    }

    pub fn close(&self) {
        self.open.send_replace(false);
    }

    pub(super) async fn pass(&self) {
        self.arrived.send_modify(|seen| *seen += 1);
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }
}

#[derive(Clone, Default)]
pub struct Gates(Arc<Mutex<HashMap<String, Gate>>>);

impl Gates {
    /// The gate of this name, made (closed) on first mention.
    #[must_use]
    pub fn get(&self, name: &str) -> Gate {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gates.entry(name.to_owned()).or_default().clone()
    }
}
