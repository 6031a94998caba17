//! Exact arithmetic, by fend.

use std::time::Duration;

use agent::ports::{Tool, ToolContext, ToolError, ToolPlan, ToolSpec};
use domain::{ToolClass, ToolPolicy};
use serde_json::{Value, json};

use crate::arguments;

const EXPRESSION_CHARS: usize = 1_000;
const RESULT_BYTES: usize = 8 * 1_024;
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) struct Calculator {
    spec: ToolSpec,
}

impl Default for Calculator {
    fn default() -> Self {
        let description = "Evaluates an arithmetic expression exactly: + - * / ^ %, parentheses, \
                           sqrt, sin, ln, units (`5 km to miles`), bases (`255 to hex`).";
        let schema = json!({
            "type": "object",
            "properties": { "expression": { "type": "string" } },
            "required": ["expression"],
            "additionalProperties": false
        });
        Self {
            spec: ToolSpec {
                name: "calculator".to_owned(),
                description: description.to_owned(),
                schema,
            },
        }
    }
}

/// Ends an evaluation that takes too long (`9^9^9^9`).
struct Deadline(tokio::time::Instant);

impl fend_core::Interrupt for Deadline {
    fn should_interrupt(&self) -> bool {
        tokio::time::Instant::now() >= self.0
    }
}

impl Tool for Calculator {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn class(&self) -> ToolClass {
        ToolClass::ReadOnly
    }

    fn policy(&self) -> ToolPolicy {
        ToolPolicy::Allow
    }

    fn plan(&self, _context: &ToolContext, arguments: &Value) -> Result<ToolPlan, ToolError> {
        let expression = arguments::text(arguments, "expression", EXPRESSION_CHARS)?;
        Ok(ToolPlan::Call(Box::pin(async move {
            tokio::task::spawn_blocking(move || evaluate(&expression))
                .await
                .map_err(|_| ToolError::new("The expression could not be evaluated."))?
        })))
    }
}

fn evaluate(expression: &str) -> Result<Value, ToolError> {
    let deadline = Deadline(tokio::time::Instant::now() + PATIENCE);
    let mut context = fend_core::Context::new();
    let result = fend_core::evaluate_with_interrupt(expression, &mut context, &deadline)
        .map_err(|error| ToolError::new(format!("`{expression}` can't be evaluated: {error}.")))?;
    let text = result.get_main_result();
    if text.len() > RESULT_BYTES {
        return Err(ToolError::new("The result is too long to write down."));
    }
    Ok(json!({ "expression": expression, "result": text }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Calculator;
    use crate::testing::call;

    #[test]
    fn arithmetic_is_exact() {
        for (expression, result) in [
            (
                "12345678901234567890 * 98765432109876543210",
                "1219326311370217952237463801111263526900",
            ),
            ("0.1 + 0.2", "0.3"),
            ("(2 + 3) * 4 ^ 2", "80"),
            ("10 / 4", "2.5"),
        ] {
            let answer = call(
                &Calculator::default(),
                "UTC",
                &json!({ "expression": expression }),
            );
            assert_eq!(answer.unwrap()["result"], result, "{expression}");
        }
    }

    #[test]
    fn what_is_no_arithmetic_or_has_no_end_is_an_error_and_ends() {
        for expression in ["", "2 +", "1 / 0", "9^9^9^9", "delete everything"] {
            let answer = call(
                &Calculator::default(),
                "UTC",
                &json!({ "expression": expression }),
            );
            assert!(answer.is_err(), "{expression}: {answer:?}");
        }
        assert!(call(&Calculator::default(), "UTC", &json!({ "expression": 5 })).is_err());
    }
}
