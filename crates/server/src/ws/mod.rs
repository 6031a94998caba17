//! The WebSocket: authenticated before the upgrade, live from a cursor, holding no buffer.

mod auth;
#[cfg(feature = "sabotage")]
mod backlog;
pub mod close;
mod counts;
mod expiry;
mod frames;
mod handle;
pub(crate) mod origin;
mod outlet;
mod session;
mod watched;

pub(crate) use auth::{PROTOCOL, authenticate, cross_site};
pub(crate) use counts::{SocketCounts, SocketGuard};
pub(crate) use frames::TYPES as CLIENT_FRAMES;
pub(crate) use session::{Opening, run, too_many_sockets};
pub(crate) use watched::Watched;
