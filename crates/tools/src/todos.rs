//! Todos: effect and result are one transaction, so a call happens exactly once.

use agent::ports::{Tool, ToolContext, ToolError, ToolPlan, ToolSpec};
use domain::limits::TODO_TITLE_CHARS;
use domain::todo::Command;
use domain::{TodoCommand, TodoId, ToolClass, ToolPolicy};
use serde_json::{Value, json};

use crate::arguments;

macro_rules! todo_tool {
    ($tool:ident, $name:literal, $description:literal, $schema:tt, |$context:ident, $arguments:ident| $command:expr) => {
        pub(crate) struct $tool {
            spec: ToolSpec,
        }

        impl Default for $tool {
            fn default() -> Self {
                let (name, description) = ($name.to_owned(), $description.to_owned());
                Self {
                    spec: ToolSpec {
                        name,
                        description,
                        schema: json!($schema),
                    },
                }
            }
        }

        impl Tool for $tool {
            fn spec(&self) -> &ToolSpec {
                &self.spec
            }

            fn class(&self) -> ToolClass {
                ToolClass::Transactional
            }

            fn policy(&self) -> ToolPolicy {
                ToolPolicy::Allow
            }

            fn plan(
                &self,
                $context: &ToolContext,
                $arguments: &Value,
            ) -> Result<ToolPlan, ToolError> {
                Ok(ToolPlan::Commit(Command::Todo($command)))
            }
        }
    };
}

todo_tool!(
    TodoAdd,
    "todo_add",
    "Adds a todo to the user's list.",
    {
        "type": "object",
        "properties": {
            "title": { "type": "string" },
            "due_at": { "type": "string", "description": "Date, such as 2026-03-31 or 2026-03-31T09:00" }
        },
        "required": ["title"],
        "additionalProperties": false
    },
    |context, arguments| TodoCommand::Add {
        title: arguments::text(arguments, "title", TODO_TITLE_CHARS)?,
        due_at: arguments::date(arguments, "due_at", &context.time_zone)?.flatten(),
    }
);

todo_tool!(
    TodoList,
    "todo_list",
    "Lists the user's todos with their numbers, open ones first.",
    { "type": "object", "properties": {}, "additionalProperties": false },
    |_context, _arguments| TodoCommand::List
);

todo_tool!(
    TodoChange,
    "todo_change",
    "Changes a todo: its title, whether it is done, or its date (an empty text removes the date).",
    {
        "type": "object",
        "properties": {
            "id": { "type": "integer" },
            "title": { "type": "string" },
            "done": { "type": "boolean" },
            "due_at": { "type": "string" }
        },
        "required": ["id"],
        "additionalProperties": false
    },
    |context, arguments| TodoCommand::Change {
        id: TodoId(arguments::id(arguments, "id")?),
        title: arguments::optional_text(arguments, "title", TODO_TITLE_CHARS)?,
        done: arguments::optional_bool(arguments, "done")?,
        due_at: arguments::date(arguments, "due_at", &context.time_zone)?,
    }
);

todo_tool!(
    TodoRemove,
    "todo_remove",
    "Removes a todo from the user's list.",
    {
        "type": "object",
        "properties": { "id": { "type": "integer" } },
        "required": ["id"],
        "additionalProperties": false
    },
    |_context, arguments| TodoCommand::Remove { id: TodoId(arguments::id(arguments, "id")?) }
);

#[cfg(test)]
mod tests {
    use agent::ports::{Tool, ToolPlan};
    use domain::todo::Command;
    use domain::{Timestamp, TodoCommand, TodoId};
    use serde_json::{Value, json};

    use super::{TodoAdd, TodoChange, TodoList, TodoRemove};
    use crate::testing::context;

    fn planned(tool: &dyn Tool, arguments: &Value) -> Result<TodoCommand, String> {
        match tool.plan(&context("Europe/Berlin"), arguments) {
            Ok(ToolPlan::Commit(Command::Todo(command))) => Ok(command),
            Ok(ToolPlan::Call(_)) => panic!("not transactional"),
            Err(error) => Err(error.detail),
        }
    }

    #[test]
    fn arguments_become_commands() {
        assert_eq!(
            planned(
                &TodoAdd::default(),
                &json!({"title": " milk ", "due_at": "2026-01-02"})
            ),
            Ok(TodoCommand::Add {
                title: "milk".into(),
                due_at: Some(Timestamp(1_767_308_400_000)),
            })
        );
        assert_eq!(
            planned(&TodoList::default(), &json!({})),
            Ok(TodoCommand::List)
        );
        assert_eq!(
            planned(
                &TodoChange::default(),
                &json!({"id": "7", "done": true, "due_at": ""})
            ),
            Ok(TodoCommand::Change {
                id: TodoId(7),
                title: None,
                done: Some(true),
                due_at: Some(None),
            })
        );
        assert_eq!(
            planned(&TodoRemove::default(), &json!({"id": 7})),
            Ok(TodoCommand::Remove { id: TodoId(7) })
        );
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (tool, arguments, word) in [
            (&TodoAdd::default() as &dyn Tool, json!({}), "title"),
            (&TodoAdd::default(), json!({"title": "  "}), "title"),
            (
                &TodoAdd::default(),
                json!({"title": "x".repeat(501)}),
                "title",
            ),
            (
                &TodoAdd::default(),
                json!({"title": "x", "due_at": "soon"}),
                "due_at",
            ),
            (&TodoChange::default(), json!({"done": true}), "id"),
            (
                &TodoChange::default(),
                json!({"id": 1, "done": "yes"}),
                "done",
            ),
            (&TodoRemove::default(), json!({"id": 1.5}), "id"),
        ] {
            let error = planned(tool, &arguments).unwrap_err();
            assert!(error.contains(word), "{arguments}: {error}");
        }
    }
}
