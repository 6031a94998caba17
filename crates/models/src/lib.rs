//! Remote models behind the port [`agent::ports::Model`].
//!
//! OpenAI-compatible endpoints and Ollama are spoken to by [`openai`], the vendors by [`anthropic`]
//! and [`gemini`], all of them over [`answer`] (why: decision 0001). [`Catalog`] finds a model by its
//! `provider/model` name. [`download`] fetches the file of a model that runs here.

mod answer;
mod anthropic;
mod calls;
mod catalog;
mod client;
mod config;
mod download;
mod failure;
mod gemini;
mod kind;
mod listing;
mod openai;
mod provider;
mod remote;
mod retry_after;
mod sse;

pub use catalog::{Catalog, LOCAL_PROVIDER};
pub use config::{Adapter, ConfigError, ProviderConfig};
pub use download::{DownloadError, Downloaded, download};
pub use remote::RemoteModel;
