//! The store's contract, run against SQLite and, where `REJOINDER_TEST_POSTGRES_URL` names a server,
//! against PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod accounts;
mod approvals;
mod branches;
mod calls;
mod cancel;
mod conversations;
mod deletion;
mod deltas;
mod durability;
mod feed;
mod health;
mod joining;
mod journal;
mod keys;
mod ledger;
mod lifecycle;
mod ownership;
mod permissions;
mod queue;
mod restored;
mod runs;
mod schema;
mod sending;
mod sessions;
mod speed;
mod support;
