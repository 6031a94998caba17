//! What an operator says of an HTTP tool.

use std::time::Duration;

use domain::{ToolClass, ToolPolicy};
use secrecy::SecretString;
use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpMethod {
    Get,
    Delete,
    Post,
    Put,
    Patch,
}

impl HttpMethod {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Delete => "DELETE",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
        }
    }

    /// The arguments go as its JSON body.
    #[must_use]
    pub fn has_body(self) -> bool {
        matches!(self, Self::Post | Self::Put | Self::Patch)
    }
}

/// A tool that is one HTTP request.
#[derive(Debug, Clone)]
pub struct HttpToolConfig {
    /// `[a-zA-Z0-9_-]{1,64}`, none of the built-in ones.
    pub name: String,
    /// For the model.
    pub description: String,
    /// JSON Schema of an object.
    pub schema: Value,
    pub method: HttpMethod,
    /// `http` or `https`, with `{argument}` in path and query.
    pub url: String,
    /// Secrets already in.
    pub headers: Vec<(String, SecretString)>,
    /// Anything but `Transactional`.
    pub class: ToolClass,
    pub policy: ToolPolicy,
    /// For the whole exchange; not zero and at most [`HttpToolConfig::MAX_TIMEOUT`].
    pub timeout: Duration,
    /// Of keyed tools only; carries the call's id.
    pub idempotency_header: Option<String>,
}

impl HttpToolConfig {
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
    /// Below the driver's own deadline, so that the tool can say what it knows.
    pub const MAX_TIMEOUT: Duration = Duration::from_secs(55);
    pub const DEFAULT_IDEMPOTENCY_HEADER: &str = "Idempotency-Key";
}

/// Why a tool can't be. Says which one and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the tool `{tool}`: {detail}")]
pub struct HttpToolError {
    pub tool: String,
    pub detail: String,
}
