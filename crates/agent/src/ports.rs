//! What AgentCore asks of the outside: models and tools. Implemented in crates `models`,
//! `local-model` and `tools`; called by the driver only.

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use domain::todo::Command;
use domain::{
    CallId, Clock, ConversationId, FinishReason, RunId, ToolClass, ToolPolicy, Usage, UserId,
};
use futures::Stream;
use serde_json::Value;

/// What the product knows of a model without asking it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelInfo {
    /// `provider/model`, unique, the name in the API.
    pub id: String,
    pub label: String,
    pub provider: String,
    /// The small model inside the binary.
    pub built_in: bool,
    /// Tokens of prompt and answer together.
    pub context_window: usize,
    /// It may be given tools.
    pub tools: bool,
    /// It can go on from a partial answer ([`ModelRequest::prefill`]).
    pub prefill: bool,
}

/// One earlier turn, in the form that every provider understands. A call is always followed by its
/// result.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelMessage {
    User(String),
    Assistant {
        text: String,
        calls: Vec<domain::ToolCall>,
    },
    /// `content` is JSON text, already shortened.
    ToolResult {
        provider_id: String,
        name: String,
        content: String,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// `[a-zA-Z0-9_-]{1,64}`
    pub name: String,
    /// For the model.
    pub description: String,
    /// JSON Schema of an object.
    pub schema: Value,
}

#[derive(Debug, Clone)]
pub struct ModelRequest {
    /// Engines that keep a prefix keep it per conversation.
    pub conversation_id: ConversationId,
    pub run_id: RunId,
    pub system: String,
    pub messages: Vec<ModelMessage>,
    /// Empty: the model must answer in words.
    pub tools: Vec<ToolSpec>,
    /// Text with which the answer already begins. The stream holds only what follows. Set only for
    /// models with [`ModelInfo::prefill`].
    pub prefill: Option<String>,
    pub max_output_tokens: Option<u32>,
}

/// A tool call as it came: arguments complete, still text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawToolCall {
    /// Empty where the provider gave none.
    pub provider_id: String,
    pub name: String,
    /// JSON text; may be malformed.
    pub arguments: String,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ModelChunk {
    /// The request waits for a place (built-in engine): shown to the user.
    Queued {
        ahead: usize,
    },
    Text(String),
    Reasoning(String),
    /// A piece of a call's arguments, for display only.
    ToolArguments(String),
    /// The last chunk. A stream that ends without one was cut: [`ModelErrorKind::Interrupted`].
    End {
        calls: Vec<RawToolCall>,
        finish: FinishReason,
        usage: Usage,
    },
}

pub type ModelStream = Pin<Box<dyn Stream<Item = Result<ModelChunk, ModelError>> + Send>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelErrorKind {
    /// No connection, DNS, TLS.
    Unreachable,
    /// 401, 403.
    Auth,
    /// 429, 529, overloaded.
    RateLimited,
    /// 5xx.
    Upstream,
    /// Other 4xx: the request itself is refused.
    Refused,
    /// The prompt is larger than the window.
    ContextTooLong,
    /// Not what the protocol says: HTML, malformed JSON, a line without end.
    Protocol,
    /// The stream broke off.
    Interrupted,
    /// Nothing came for too long. Made by the driver.
    Stalled,
    /// The model is not there: unknown name, file missing or damaged, no AVX2.
    NotConfigured,
}

/// `detail` is one or two sentences for the user, says what to do, and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ModelError {
    pub kind: ModelErrorKind,
    pub detail: String,
    /// From `Retry-After`.
    pub retry_after_ms: Option<u64>,
}

impl ModelError {
    #[must_use]
    pub fn new(kind: ModelErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            retry_after_ms: None,
        }
    }
}

impl ModelErrorKind {
    /// The stable code of [`domain::RunError`].
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "model_unreachable",
            Self::Auth => "model_auth",
            Self::RateLimited => "model_rate_limited",
            Self::Upstream => "model_upstream",
            Self::Refused => "model_refused",
            Self::ContextTooLong => "context_too_long",
            Self::Protocol => "model_protocol",
            Self::Interrupted => "model_interrupted",
            Self::Stalled => "model_stalled",
            Self::NotConfigured => "model_not_configured",
        }
    }

    /// Asking again by ourselves can help, as long as nothing has been said.
    #[must_use]
    pub fn transient(self) -> bool {
        matches!(
            self,
            Self::Unreachable
                | Self::RateLimited
                | Self::Upstream
                | Self::Interrupted
                | Self::Stalled
                | Self::Protocol
        )
    }
}

/// A model that answers. One per `provider/model`; shared by all runs.
#[async_trait]
pub trait Model: Send + Sync + 'static {
    fn info(&self) -> &ModelInfo;
    /// Begins an answer. Dropping the stream (or this future) ends the upstream request within a
    /// second. Never retries by itself.
    async fn answer(&self, request: ModelRequest) -> Result<ModelStream, ModelError>;
}

/// A provider whose own list could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlisted {
    pub provider: String,
    pub error: ModelError,
}

/// What can be chosen, and what could not be found out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelList {
    /// Known ones, the default first.
    pub models: Vec<ModelInfo>,
    /// In the order of the configuration. Models of theirs that are known otherwise are in `models`
    /// all the same.
    pub unlisted: Vec<Unlisted>,
}

/// The models that this server can use.
#[async_trait]
pub trait ModelCatalog: Send + Sync + 'static {
    /// Providers that can list theirs are asked, with a short deadline; what they say is remembered
    /// for a minute, that they said nothing is not.
    async fn list(&self) -> ModelList;
    /// The default as far as it is known without asking anybody: `None` when no model is configured
    /// at all, or when the provider whose turn it is has not yet said what it has.
    fn default_id(&self) -> Option<String>;
    /// The default. Its provider is asked for its list where that decides, and where it can't be
    /// had, that is the error: no other provider's model takes its place. Safe to drop.
    async fn default_model(&self) -> Result<Arc<dyn Model>, ModelError>;
    fn model(&self, id: &str) -> Result<Arc<dyn Model>, ModelError>;
}

/// What a tool may know about its call.
#[derive(Clone)]
pub struct ToolContext {
    pub user_id: UserId,
    pub conversation_id: ConversationId,
    pub run_id: RunId,
    pub call_id: CallId,
    /// The idempotency key of keyed tools: the first call's id where this one tries it again.
    pub key: CallId,
    /// IANA name; `UTC` when the browser said none.
    pub time_zone: String,
    pub clock: Arc<dyn Clock>,
}

/// `detail` goes to the model and the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ToolError {
    pub detail: String,
    /// The call left and no answer came: it may or may not have happened. Only effectful and keyed
    /// tools have such calls; those of other classes have failed.
    pub unknown: bool,
}

impl ToolError {
    #[must_use]
    pub fn new(detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            unknown: false,
        }
    }

    /// See [`ToolError::unknown`].
    #[must_use]
    pub fn unknown(detail: impl Into<String>) -> Self {
        Self {
            detail: detail.into(),
            unknown: true,
        }
    }
}

/// What a call comes to.
pub enum ToolPlan {
    /// A transactional tool: executed by the store in the transaction that records its result.
    Commit(Command),
    /// Anything else: run by the driver under its deadline.
    Call(Pin<Box<dyn Future<Output = Result<Value, ToolError>> + Send>>),
}

/// A tool. Stateless; shared by all runs.
pub trait Tool: Send + Sync + 'static {
    fn spec(&self) -> &ToolSpec;
    fn class(&self) -> ToolClass;
    fn policy(&self) -> ToolPolicy;
    /// Where a call with these arguments goes, for the user who decides about it. Holds no secret.
    /// `None` where it stays inside the server, or the arguments are refused.
    fn target(&self, _arguments: &Value) -> Option<String> {
        None
    }
    /// Checks the arguments and says what to do. No effect happens before the plan is carried out.
    fn plan(&self, context: &ToolContext, arguments: &Value) -> Result<ToolPlan, ToolError>;
}

/// All tools, by name.
#[derive(Clone, Default)]
pub struct Toolbox {
    tools: Arc<std::collections::BTreeMap<String, Arc<dyn Tool>>>,
}

impl Toolbox {
    #[must_use]
    pub fn new(tools: impl IntoIterator<Item = Arc<dyn Tool>>) -> Self {
        let by_name = tools
            .into_iter()
            .map(|tool| (tool.spec().name.clone(), tool))
            .collect();
        Self {
            tools: Arc::new(by_name),
        }
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.tools.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Tool>> {
        self.tools.values()
    }

    /// What a model is offered: everything whose policy is not `deny`.
    #[must_use]
    pub fn offered(&self) -> Vec<ToolSpec> {
        self.iter()
            .filter(|tool| tool.policy() != ToolPolicy::Deny)
            .map(|tool| tool.spec().clone())
            .collect()
    }
}
