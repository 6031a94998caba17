//! The tools in the box, one file each ([`built_in`] lists them), and those that an operator makes
//! out of HTTP requests ([`toolbox`]). How far the former may go, the operator says ([`under`]).

mod arguments;
mod calculator;
mod egress;
mod http;
mod policy;
mod time;
mod todos;

use std::sync::Arc;

use agent::ports::{Tool, Toolbox};

pub use http::{HttpMethod, HttpToolConfig, HttpToolError};
pub use policy::{ToolPolicies, ToolPolicyError, under};

/// Everything that comes with the product.
#[must_use]
pub fn built_in() -> Toolbox {
    let tools: [Arc<dyn Tool>; 6] = [
        Arc::new(time::CurrentTime::default()),
        Arc::new(calculator::Calculator::default()),
        Arc::new(todos::TodoAdd::default()),
        Arc::new(todos::TodoList::default()),
        Arc::new(todos::TodoChange::default()),
        Arc::new(todos::TodoRemove::default()),
    ];
    Toolbox::new(tools)
}

/// The built-in tools and the operator's own. Names are unique, built-in ones reserved.
pub fn toolbox(configured: &[HttpToolConfig]) -> Result<Toolbox, HttpToolError> {
    let built_in = built_in();
    let egress = egress::Egress::default();
    let mut tools: Vec<Arc<dyn Tool>> = built_in.iter().map(Arc::clone).collect();
    for config in configured {
        let taken = |detail: &str| HttpToolError {
            tool: config.name.clone(),
            detail: detail.to_owned(),
        };
        if built_in.get(&config.name).is_some() {
            return Err(taken("a built-in tool has this name; choose another"));
        }
        if tools.iter().any(|tool| tool.spec().name == config.name) {
            return Err(taken("there are two of this name"));
        }
        tools.push(Arc::new(http::HttpTool::new(config, egress.clone())?));
    }
    Ok(Toolbox::new(tools))
}

#[cfg(test)]
mod testing {
    use std::sync::Arc;

    use agent::ports::{Tool, ToolContext, ToolError, ToolPlan};
    use domain::{CallId, Clock, ConversationId, RunId, Timestamp, UserId};
    use serde_json::Value;
    use uuid::Uuid;

    struct FixedClock;

    impl Clock for FixedClock {
        /// 2026-03-29T00:59:59Z, a second before summer time begins in Berlin.
        fn now(&self) -> Timestamp {
            Timestamp(1_774_745_999_000)
        }
    }

    pub(crate) fn context(time_zone: &str) -> ToolContext {
        ToolContext {
            user_id: UserId(1),
            conversation_id: ConversationId(Uuid::nil()),
            run_id: RunId(Uuid::nil()),
            call_id: CallId(Uuid::nil()),
            key: CallId(Uuid::nil()),
            time_zone: time_zone.to_owned(),
            clock: Arc::new(FixedClock),
        }
    }

    /// Plans and runs a call of a tool that is not transactional.
    pub(crate) fn call(tool: &dyn Tool, zone: &str, arguments: &Value) -> Result<Value, ToolError> {
        match tool.plan(&context(zone), arguments)? {
            ToolPlan::Call(call) => tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap()
                .block_on(call),
            ToolPlan::Commit(_) => panic!("a transactional tool"),
        }
    }
}
