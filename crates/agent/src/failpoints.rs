//! Places at which the process can be made to die, so that a test can show that nothing is lost
//! there. With the feature `failpoints` and `REJOINDER_FAILPOINT=name:hit` the process kills itself
//! with `SIGKILL` when it reaches the point for the `hit`-th time (from 1): no destructor runs and
//! nothing is flushed. Without the feature, as in every build that is not made for that test,
//! [`reached`] is empty.
//!
//! | point | what is committed | what is not |
//! |---|---|---|
//! | `after_message_commit` | the user's message, its empty answer, the run (`queued`) | nothing acknowledged, nobody woken |
//! | `after_claim` | the run is `running`, with a new fence | no driver yet |
//! | `before_model` | the answer is `streaming` | the model has not been asked |
//! | `first_token` | the first row of an answer's text | the rest; the model is still sending |
//! | `mid_stream` | a later row: text, reasoning, or a tool call's arguments | the rest, and that the model ended |
//! | `after_model_recorded` | the model's answer with its tool calls (`intended`) | none of the calls was executed |
//! | `after_intent` | a call that is about to leave is `running` | it has not left |
//! | `after_effect` | the same; the tool has answered | its outcome |
//! | `after_result` | a call's outcome; of a transactional tool, with its effect | the machine has not heard of it |
//! | `after_approval` | the decision; after the last one, the run is `queued` | nobody was told or woken |
//! | `before_finish` | all text of the final answer | that it is final |
//! | `after_finish` | the run has ended | what only follows from it: the title, the next claim |

/// Every point, in the order of a turn.
pub const POINTS: [&str; 12] = [
    "after_message_commit",
    "after_claim",
    "before_model",
    "first_token",
    "mid_stream",
    "after_model_recorded",
    "after_intent",
    "after_effect",
    "after_result",
    "after_approval",
    "before_finish",
    "after_finish",
];

#[cfg(feature = "failpoints")]
pub use armed::{Failpoint, reached};

/// The point named so has been reached.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub const fn reached(_point: &'static str) {}

#[cfg(feature = "failpoints")]
mod armed {
    use std::str::FromStr;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    use super::POINTS;

    static ARMED: OnceLock<Failpoint> = OnceLock::new();

    /// Where the process dies: `name:hit`.
    #[derive(Debug)]
    pub struct Failpoint {
        point: &'static str,
        hit: u64,
        reached: AtomicU64,
    }

    impl FromStr for Failpoint {
        type Err = String;

        fn from_str(text: &str) -> Result<Self, String> {
            let (name, hit) = text
                .split_once(':')
                .ok_or_else(|| format!("{text:?} is not name:hit"))?;
            let point = POINTS
                .into_iter()
                .find(|point| *point == name)
                .ok_or_else(|| format!("there is no failpoint {name:?}; there are {POINTS:?}"))?;
            let hit = hit
                .parse()
                .ok()
                .filter(|hit| *hit > 0)
                .ok_or_else(|| format!("{hit:?} is not a count from 1"))?;
            Ok(Self {
                point,
                hit,
                reached: AtomicU64::new(0),
            })
        }
    }

    impl Failpoint {
        /// From now on. The first one holds.
        pub fn arm(self) {
            let _ = ARMED.set(self);
        }

        fn strikes(&self, point: &str) -> bool {
            self.point == point && self.reached.fetch_add(1, Ordering::SeqCst) + 1 == self.hit
        }
    }

    /// The point named so has been reached: the process dies here when it is armed for it.
    pub fn reached(point: &'static str) {
        debug_assert!(POINTS.contains(&point), "no failpoint {point}");
        if ARMED.get().is_some_and(|armed| armed.strikes(point)) {
            let _ = kill_process(getpid(), Signal::KILL);
            // Not reached; but a death that fails must not go unnoticed.
            std::process::abort();
        }
    }

    #[cfg(test)]
    mod tests {
        use super::Failpoint;

        #[test]
        fn strikes_at_its_hit_and_at_no_other() {
            let armed: Failpoint = "after_claim:2".parse().unwrap();
            let struck = ["after_claim", "before_model", "after_claim", "after_claim"]
                .map(|p| armed.strikes(p));
            assert_eq!(struck, [false, false, true, false]);
        }

        #[test]
        fn nonsense_is_refused() {
            for bad in [
                "after_claim",
                "after_claim:0",
                "after_claim:x",
                "claim:1",
                "",
            ] {
                assert!(bad.parse::<Failpoint>().is_err(), "{bad}");
            }
        }
    }
}
