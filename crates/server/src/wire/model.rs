//! Models and tools on the wire.

use agent::ports::{ModelInfo, Tool};
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

/// The default first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ModelsResponse {
    pub models: Vec<ModelResponse>,
    /// `null` when no model is configured.
    #[schema(required)]
    pub default: Option<String>,
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
