//! Randomness that can be repeated: trials print their seed, and the same seed throws the same.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;

use uuid::Uuid;

use crate::process::setting;

/// SplitMix64 (Steele, Lea, Flood, 2014).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A seed that differs from run to run, or the one of `REJOINDER_SEED`.
    #[must_use]
    pub fn seed() -> u64 {
        let random = || RandomState::new().build_hasher().finish();
        setting("REJOINDER_SEED")
            .and_then(|seed| seed.parse().ok())
            .unwrap_or_else(random)
    }

    /// Of its own sequence, for another task.
    #[must_use]
    pub fn split(&mut self) -> Self {
        Self(self.throw())
    }

    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The small bias of the remainder does not matter here.
    pub fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.throw() % (range.end - range.start)
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.throw().is_multiple_of(n)
    }

    /// A client's message id.
    pub fn uuid(&mut self) -> Uuid {
        let high = u128::from(self.throw()) << 64;
        let bits = high | u128::from(self.throw());
        // Version 4, variant 1.
        Uuid::from_u128(bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_throws_the_same() {
        let (mut one, mut two) = (Dice::new(7), Dice::new(7));
        assert_eq!(one.uuid(), two.uuid());
        assert_ne!(one.throw(), two.split().throw());
        assert_eq!(one.uuid().get_version_num(), 4);
        assert!((5..9).contains(&one.within(5..9)));
    }
}
