//! What an operator says of the built-in tools: made at once, asked for, or taken away.

use std::collections::BTreeMap;
use std::sync::Arc;

use agent::ports::{Tool, ToolContext, ToolError, ToolPlan, ToolSpec, Toolbox};
use domain::{ToolClass, ToolPolicy};
use serde_json::Value;

/// By the name of the tool. A built-in tool that isn't named keeps its own.
pub type ToolPolicies = BTreeMap<String, ToolPolicy>;

/// Why a policy can't hold. Says which one and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolPolicyError {
    #[error("tool_policy names `{name}`, and there is no such tool; it may name {}", .known.join(", "))]
    Unknown { name: String, known: Vec<String> },
    /// Two places that say different things would be one too many.
    #[error(
        "tool_policy names `{0}`, which is a tool of your own: write its `policy` beside its \
         `name`, under [[tools]]"
    )]
    Configured(String),
}

/// `toolbox` with the policies of its built-in tools as the operator wants them.
pub fn under(toolbox: &Toolbox, policies: &ToolPolicies) -> Result<Toolbox, ToolPolicyError> {
    let built_in = crate::built_in();
    for name in policies.keys() {
        if built_in.get(name).is_some() {
            continue;
        }
        if toolbox.get(name).is_some() {
            return Err(ToolPolicyError::Configured(name.clone()));
        }
        let known = built_in.iter().map(|tool| tool.spec().name.clone());
        return Err(ToolPolicyError::Unknown {
            name: name.clone(),
            known: known.collect(),
        });
    }
    Ok(Toolbox::new(toolbox.iter().map(|tool| {
        let tool = Arc::clone(tool);
        match policies.get(&tool.spec().name) {
            Some(policy) => Arc::new(Under {
                tool,
                policy: *policy,
            }),
            None => tool,
        }
    })))
}

/// A tool in everything but its policy.
struct Under {
    tool: Arc<dyn Tool>,
    policy: ToolPolicy,
}

impl Tool for Under {
    fn spec(&self) -> &ToolSpec {
        self.tool.spec()
    }

    fn class(&self) -> ToolClass {
        self.tool.class()
    }

    fn policy(&self) -> ToolPolicy {
        self.policy
    }

    fn target(&self, arguments: &Value) -> Option<String> {
        self.tool.target(arguments)
    }

    fn plan(&self, context: &ToolContext, arguments: &Value) -> Result<ToolPlan, ToolError> {
        self.tool.plan(context, arguments)
    }
}

#[cfg(test)]
mod tests {
    use domain::{ToolClass, ToolPolicy};
    use serde_json::json;

    use super::*;
    use crate::testing::call;

    fn policies(said: &[(&str, ToolPolicy)]) -> ToolPolicies {
        let own = |(name, policy): &(&str, ToolPolicy)| ((*name).to_owned(), *policy);
        said.iter().map(own).collect()
    }

    #[test]
    fn what_is_said_holds_and_everything_else_stays() {
        let said = [
            ("calculator", ToolPolicy::Deny),
            ("todo_add", ToolPolicy::Ask),
        ];
        let toolbox = under(&crate::built_in(), &policies(&said)).unwrap();
        for tool in crate::built_in().iter() {
            let name = &tool.spec().name;
            let now = toolbox.get(name).unwrap();
            let expected = said.iter().find(|(named, _)| named == name);
            let expected = expected.map_or(ToolPolicy::Allow, |(_, policy)| *policy);
            assert_eq!(now.policy(), expected, "{name}");
            assert_eq!(now.spec(), tool.spec());
            assert_eq!(now.class(), tool.class());
        }
        let offered: Vec<String> = toolbox.offered().into_iter().map(|t| t.name).collect();
        assert!(!offered.contains(&"calculator".to_owned()), "{offered:?}");
        assert!(offered.contains(&"todo_add".to_owned()), "{offered:?}");
    }

    #[test]
    fn a_tool_does_what_it_did() {
        let said = policies(&[("calculator", ToolPolicy::Ask)]);
        let toolbox = under(&crate::built_in(), &said).unwrap();
        let calculator = toolbox.get("calculator").unwrap();
        assert_eq!(calculator.class(), ToolClass::ReadOnly);
        let answer = call(&**calculator, "UTC", &json!({"expression": "6 * 7"}));
        assert_eq!(answer.unwrap()["result"], "42");
    }

    #[test]
    fn an_unknown_name_is_told_from_a_tool_of_ones_own() {
        let said = policies(&[("todo_ad", ToolPolicy::Ask)]);
        let error = under(&crate::built_in(), &said).err().unwrap().to_string();
        assert_eq!(
            error,
            "tool_policy names `todo_ad`, and there is no such tool; it may name calculator, \
             current_time, todo_add, todo_change, todo_list, todo_remove"
        );
        let own = crate::http::tests::config();
        let toolbox = crate::toolbox(&[own]).unwrap();
        let error = under(&toolbox, &policies(&[("note", ToolPolicy::Ask)]));
        let error = error.err().unwrap().to_string();
        for words in ["`note`", "[[tools]]", "`policy`"] {
            assert!(error.contains(words), "{error}");
        }
    }
}
