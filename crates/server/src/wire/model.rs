//! Models and tools on the wire.

use agent::ports::{ModelInfo, Tool, Unlisted};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::mirror;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ModelResponse {
    /// `provider/model`
    pub id: String,
    pub label: String,
    pub provider: String,
    /// The small model inside the binary.
    pub built_in: bool,
    /// Tokens of prompt and answer together.
    pub context_window: usize,
}

impl From<ModelInfo> for ModelResponse {
    fn from(model: ModelInfo) -> Self {
        Self {
            id: model.id,
            label: model.label,
            provider: model.provider,
            built_in: model.built_in,
            context_window: model.context_window,
        }
    }
}

/// A provider whose own list of models could not be had just now. It is asked again by the next
/// request; models of it that are known otherwise are listed, and others may be named all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UnlistedResponse {
    pub provider: String,
    /// As in `additional_data.error` of a failed answer.
    pub code: String,
    /// For people: what is wrong, and what to do.
    pub detail: String,
}

impl From<Unlisted> for UnlistedResponse {
    fn from(Unlisted { provider, error }: Unlisted) -> Self {
        Self {
            provider,
            code: error.kind.code().to_owned(),
            detail: error.detail,
        }
    }
}

/// The default first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ModelsResponse {
    pub models: Vec<ModelResponse>,
    /// `null` when no model is configured, or when the provider whose turn it is names none and its
    /// own list could not be had: a message without `model` asks it again.
    #[schema(required)]
    pub default: Option<String>,
    pub unlisted: Vec<UnlistedResponse>,
}

mirror! {
    /// What happens to a call whose outcome is not known after a crash.
    ToolClass of domain::ToolClass { Transactional, ReadOnly, Keyed, Effectful }
}
mirror! {
    ToolPolicy of domain::ToolPolicy { Allow, Ask, Deny }
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ToolResponse {
    pub name: String,
    pub description: String,
    pub class: ToolClass,
    pub policy: ToolPolicy,
    /// JSON Schema of the arguments.
    #[schema(value_type = Object)]
    pub schema: Value,
}

impl From<&dyn Tool> for ToolResponse {
    fn from(tool: &dyn Tool) -> Self {
        let spec = tool.spec();
        Self {
            name: spec.name.clone(),
            description: spec.description.clone(),
            class: tool.class().into(),
            policy: tool.policy().into(),
            schema: spec.schema.clone(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ToolsResponse {
    pub tools: Vec<ToolResponse>,
}
