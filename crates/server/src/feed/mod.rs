//! Following a user's feed, and rendering its events as frames. Shared by sockets and SSE.

mod follower;
mod render;
mod run_stream;
mod sync_stream;
mod typing;

pub(crate) use follower::{Ending, Follower, Happening};
pub(crate) use render::render;
pub(crate) use run_stream::RunStream;
pub(crate) use sync_stream::SyncStream;
pub(crate) use typing::Typing;
