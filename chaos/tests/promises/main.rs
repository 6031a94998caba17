//! The promises against the real binary, under their numbers. A module per
//! promise or family; a test per database. They need minutes: `make test` runs them in stages.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests are tests"
)]

mod p1_p2_p4_kills;
mod p4_matrix;
mod tidy;
