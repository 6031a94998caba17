//! Who may do what to whose things: generated from the list of operations, not remembered.
//!
//! Every route and every socket frame × actors {anonymous, other user, admin, demoted admin, owner,
//! disabled owner, expired access token, refresh token in its place} × ids {own, foreign, deleted,
//! random, malformed, foreign nested in own}. A foreign id is answered like a random one: the same
//! status, headers and bytes but for the request id.
//!
//! What a new operation needs here: nothing, where [`things`] can make what its path names and an
//! empty body will do. Otherwise the test that walks the list says what is missing.

mod actors;
mod call;
mod completeness;
mod frames;
mod references;
mod routes;
mod things;
mod world;
