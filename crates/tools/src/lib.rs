//! The tools in the box. One file each; [`built_in`] lists them.

mod arguments;
mod calculator;
mod time;
mod todos;

use std::sync::Arc;

use agent::ports::{Tool, Toolbox};

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
