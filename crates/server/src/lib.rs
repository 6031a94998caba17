//! REST, WebSocket and SSE of Rejoinder, its accounts and its static page.
//!
//! Knows the domain's ports and the agent's handle, never a store, a model or a tool.

pub mod auth;
mod chat;
mod error;
mod extract;
mod feed;
mod limits;
mod middleware;
mod openapi;
pub mod operations;
mod page;
mod routes;
mod serve;
mod sse;
mod state;
pub mod wire;
pub mod ws;

pub use error::{CODES, Problem};
pub use openapi::{openapi, openapi_json};
pub use page::version;
pub use routes::{check_account, router};
pub use serve::{Timeouts, serve, serve_with};
pub use state::{AppState, Registration, ServerConfig};
pub use ws::origin::Origin;
