//! Switches that turn one mechanism off, so that a test can show that its promise then breaks: a
//! proof that cannot fail proves nothing. With the feature `sabotage` and
//! `REJOINDER_SABOTAGE=fence` the process works without that mechanism. Without the feature, as in
//! every build that is not made for this, [`sabotaged`] is `false` at compile time.
//!
//! | mechanism | without it | where |
//! |---|---|---|
//! | `ack_after_commit` | a sent message is acknowledged, and committed later | SQLite's journal |
//! | `persist_before_say` | text is published, and committed later | SQLite's journal |
//! | `fence` | a write does not ask whose the run is by now | the row of a run, deltas |
//! | `dedupe` | a key is not looked up | keys |
//! | `intent_before_call` | a call leaves without a record that it does | the driver |
//! | `bounded_queue` | frames for a reader that is slow pile up in memory | the socket |
//! | `ownership` | a statement asks for the row only, not for its owner | every statement |
//! | `one_active_run` | neither check nor unique indexes; runs are claimed side by side | `send` |

use std::time::Duration;

/// How much later a commit comes that was told of before.
pub const LATE: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    AckAfterCommit,
    PersistBeforeSay,
    Fence,
    Dedupe,
    IntentBeforeCall,
    BoundedQueue,
    Ownership,
    OneActiveRun,
}

/// Whether this process works without the mechanism.
#[cfg(not(feature = "sabotage"))]
#[inline(always)]
#[must_use]
pub const fn sabotaged(_mechanism: Mechanism) -> bool {
    false
}

#[cfg(feature = "sabotage")]
pub use armed::sabotaged;

#[cfg(feature = "sabotage")]
mod armed {
    use std::str::FromStr;
    use std::sync::OnceLock;

    use super::Mechanism;

    static ARMED: OnceLock<Mechanism> = OnceLock::new();

    const NAMES: [(&str, Mechanism); 8] = [
        ("ack_after_commit", Mechanism::AckAfterCommit),
        ("persist_before_say", Mechanism::PersistBeforeSay),
        ("fence", Mechanism::Fence),
        ("dedupe", Mechanism::Dedupe),
        ("intent_before_call", Mechanism::IntentBeforeCall),
        ("bounded_queue", Mechanism::BoundedQueue),
        ("ownership", Mechanism::Ownership),
        ("one_active_run", Mechanism::OneActiveRun),
    ];

    impl FromStr for Mechanism {
        type Err = String;

        fn from_str(text: &str) -> Result<Self, String> {
            let known = NAMES.into_iter().find(|(name, _)| *name == text);
            known.map(|(_, mechanism)| mechanism).ok_or_else(|| {
                let names = NAMES.map(|(name, _)| name);
                format!("there is no mechanism {text:?}; there are {names:?}")
            })
        }
    }

    impl Mechanism {
        /// From now on this process works without it. The first one holds.
        pub fn turn_off(self) {
            let _ = ARMED.set(self);
        }
    }

    /// Whether this process works without the mechanism.
    #[must_use]
    pub fn sabotaged(mechanism: Mechanism) -> bool {
        ARMED.get() == Some(&mechanism)
    }
}
