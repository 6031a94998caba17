//! Reads a tool's arguments. Errors go to the model, so they name the field and what is wanted.

use agent::ports::ToolError;
use domain::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

/// A required text, trimmed, of 1 to `max` characters.
pub(crate) fn text(arguments: &Value, field: &str, max: usize) -> Result<String, ToolError> {
    optional_text(arguments, field, max)?
        .ok_or_else(|| ToolError::new(format!("`{field}` is missing: give a text.")))
}

pub(crate) fn optional_text(
    arguments: &Value,
    field: &str,
    max: usize,
) -> Result<Option<String>, ToolError> {
    match arguments.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            let text = text.trim();
            let length = text.chars().count();
            if length == 0 || length > max {
                return Err(ToolError::new(format!(
                    "`{field}` must have 1 to {max} characters."
                )));
            }
            Ok(Some(text.to_owned()))
        }
        Some(_) => Err(ToolError::new(format!("`{field}` must be a text."))),
    }
}

pub(crate) fn optional_bool(arguments: &Value, field: &str) -> Result<Option<bool>, ToolError> {
    match arguments.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(_) => Err(ToolError::new(format!("`{field}` must be true or false."))),
    }
}

/// A number that models like to send as a text.
pub(crate) fn id(arguments: &Value, field: &str) -> Result<i64, ToolError> {
    let value = arguments.get(field);
    value
        .and_then(Value::as_i64)
        .or_else(|| {
            value
                .and_then(Value::as_str)
                .and_then(|text| text.trim().parse().ok())
        })
        .ok_or_else(|| ToolError::new(format!("`{field}` must be the number of a todo.")))
}

/// A date or a date with time, RFC 3339 or without a zone (then in `zone`). Outer `None`: absent;
/// inner `None`: an empty text, which clears.
pub(crate) fn date(
    arguments: &Value,
    field: &str,
    zone: &str,
) -> Result<Option<Option<Timestamp>>, ToolError> {
    let wrong = || {
        ToolError::new(format!(
            "`{field}` must be a date such as 2026-03-31 or 2026-03-31T09:00."
        ))
    };
    let text = match arguments.get(field) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.trim(),
        Some(_) => return Err(wrong()),
    };
    if text.is_empty() {
        return Ok(Some(None));
    }
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let moment = if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        moment
    } else {
        let local = text.parse::<jiff::civil::DateTime>().map_err(|_| wrong())?;
        local.to_zoned(zone).map_err(|_| wrong())?.timestamp()
    };
    Ok(Some(Some(Timestamp(moment.as_millisecond()))))
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use serde_json::json;

    use super::date;

    #[test]
    fn dates_are_read_in_the_users_zone_unless_they_name_one() {
        let at = |text: &str| date(&json!({ "d": text }), "d", "Europe/Berlin").unwrap();
        assert_eq!(
            at("2026-01-02T03:04"),
            Some(Some(Timestamp(1_767_319_440_000)))
        );
        assert_eq!(
            at("2026-01-02T03:04:00Z"),
            Some(Some(Timestamp(1_767_323_040_000)))
        );
        assert_eq!(at("2026-01-02"), Some(Some(Timestamp(1_767_308_400_000))));
        assert_eq!(at(""), Some(None));
        assert_eq!(date(&json!({}), "d", "UTC").unwrap(), None);
        assert!(date(&json!({"d": "soon"}), "d", "UTC").is_err());
        assert!(date(&json!({"d": 5}), "d", "UTC").is_err());
    }
}
