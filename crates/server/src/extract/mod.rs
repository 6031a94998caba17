//! Reading requests: every refusal is a problem that says which value and why.

mod check;
mod json;
mod key;
mod path;
mod peer;
mod query;

pub(crate) use check::Check;
pub(crate) use json::{Json, OptionalJson};
pub(crate) use key::IdempotencyHeader;
pub(crate) use path::{PathId, PathIds, PathKey, ToolName};
pub(crate) use peer::{Peer, RequestId};
pub(crate) use query::Query;
