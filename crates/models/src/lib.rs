//! Remote models behind the port [`agent::ports::Model`].
//!
//! OpenAI-compatible endpoints and Ollama are spoken to by [`openai`] (why: decision 0001);
//! Anthropic and Gemini through genai in [`vendor`]. [`Catalog`] finds a model by its
//! `provider/model` name. [`download`] fetches the file of a model that runs here.

mod catalog;
mod client;
mod config;
mod download;
mod failure;
mod kind;
mod listing;
mod openai;
mod provider;
mod remote;
mod retry_after;
mod sse;
mod vendor;

pub use catalog::{Catalog, LOCAL_PROVIDER};
pub use config::{Adapter, ConfigError, ProviderConfig};
pub use download::{DownloadError, Downloaded, download};
pub use remote::RemoteModel;
