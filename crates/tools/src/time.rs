//! The time, in the user's zone or any other.

use agent::ports::{Tool, ToolContext, ToolError, ToolPlan, ToolSpec};
use domain::{ToolClass, ToolPolicy};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::arguments;

pub(crate) struct CurrentTime {
    spec: ToolSpec,
}

impl Default for CurrentTime {
    fn default() -> Self {
        let description = "The current date and time. Without a time zone: in the user's own.";
        let schema = json!({
            "type": "object",
            "properties": {
                "time_zone": {
                    "type": "string",
                    "description": "IANA name such as Asia/Tokyo"
                }
            },
            "additionalProperties": false
        });
        Self {
            spec: ToolSpec {
                name: "current_time".to_owned(),
                description: description.to_owned(),
                schema,
            },
        }
    }
}

impl Tool for CurrentTime {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn class(&self) -> ToolClass {
        ToolClass::ReadOnly
    }

    fn policy(&self) -> ToolPolicy {
        ToolPolicy::Allow
    }

    fn plan(&self, context: &ToolContext, arguments: &Value) -> Result<ToolPlan, ToolError> {
        let asked = arguments::optional_text(arguments, "time_zone", 64)?;
        let name = asked.unwrap_or_else(|| context.time_zone.clone());
        let zone = TimeZone::get(&name).map_err(|_| {
            ToolError::new(format!(
                "There is no time zone `{name}`: give an IANA name such as Europe/Paris."
            ))
        })?;
        let now = context.clock.now();
        let answer = jiff::Timestamp::from_millisecond(now.0)
            .map_err(|_| ToolError::new("The server's clock is out of range."))
            .map(|moment| {
                let local = moment.to_zoned(zone);
                json!({
                    "local": local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
                    "weekday": local.strftime("%A").to_string(),
                    "time_zone": name,
                    "utc": moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                })
            });
        Ok(ToolPlan::Call(Box::pin(async move { answer })))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::CurrentTime;
    use crate::testing::call;

    #[test]
    fn the_time_is_told_in_the_users_zone_or_the_one_asked_for() {
        let tool = CurrentTime::default();
        assert_eq!(
            call(&tool, "Europe/Berlin", &json!({})).unwrap(),
            json!({
                "local": "2026-03-29T01:59:59+01:00",
                "weekday": "Sunday",
                "time_zone": "Europe/Berlin",
                "utc": "2026-03-29T00:59:59Z",
            })
        );
        let tokyo = call(&tool, "UTC", &json!({"time_zone": "Asia/Tokyo"})).unwrap();
        assert_eq!(tokyo["local"], "2026-03-29T09:59:59+09:00");
        assert!(call(&tool, "UTC", &json!({"time_zone": "Mars/Base"})).is_err());
    }
}
