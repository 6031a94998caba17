//! What the operator may choose about the built-in model.

use std::path::PathBuf;
use std::time::Duration;

/// Of the model that `scripts/fetch-model.py` fetches.
const SMOLLM2_SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
/// Tokens. Costs 94 MB with the default model, for all conversations together.
const CONTEXT: usize = 4_096;
const IDLE_UNLOAD: Duration = Duration::from_secs(10 * 60);

#[derive(Debug, Clone)]
pub struct LocalConfig {
    /// The GGUF file.
    pub path: PathBuf,
    /// `local/name`
    pub id: String,
    pub label: String,
    /// Tokens of prompt and answer of all conversations that are answered at a time; one alone may
    /// use them all. Less where the model was trained for less.
    pub context: usize,
    /// Threads that compute.
    pub threads: usize,
    /// Without a request for this long the memory is given back.
    pub idle_unload: Duration,
    /// Lower-case hex. `None`: any file that llama.cpp can read.
    pub sha256: Option<String>,
}

impl LocalConfig {
    /// File name under which the default model is stored.
    pub const SMOLLM2_FILE: &'static str = "smollm2-135m-instruct-q4_1.gguf";

    /// The model that comes with the product, at this path.
    #[must_use]
    pub fn smollm2(path: PathBuf) -> Self {
        Self {
            id: "local/smollm2-135m-instruct".to_owned(),
            label: "SmolLM2 135M (built in)".to_owned(),
            sha256: Some(SMOLLM2_SHA256.to_owned()),
            ..Self::other(path, "")
        }
    }

    /// Any other GGUF file; `name` becomes `local/name`.
    #[must_use]
    pub fn other(path: PathBuf, name: &str) -> Self {
        Self {
            path,
            id: format!("local/{name}"),
            label: format!("{name} (built in)"),
            context: CONTEXT,
            threads: Self::default_threads(),
            idle_unload: IDLE_UNLOAD,
            sha256: None,
        }
    }

    /// One core stays free: with all of them, two busy cores gave a tenth of the speed of one.
    #[must_use]
    pub fn default_threads() -> usize {
        std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1))
    }
}
