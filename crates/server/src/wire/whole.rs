//! Whole numbers in bodies.

use std::fmt;

use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// Up to here, not included, a float is an `i64`: 2^63.
const END: f64 = 9_223_372_036_854_775_808.0;

/// A whole number or `null`. To JSON Schema `1.0` and `1` are the same integer (2020-12, 6.1.1), and
/// some clients know no other numbers than floats.
pub(super) fn optional<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<i64>, D::Error> {
    deserializer.deserialize_any(Whole)
}

struct Whole;

impl Visitor<'_> for Whole {
    type Value = Option<i64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        i64::try_from(number)
            .map(Some)
            .map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        if number.fract() == 0.0 && (-END..END).contains(&number) {
            // Nothing is cut off.
            return Ok(Some(number as i64));
        }
        Err(E::invalid_value(Unexpected::Float(number), &self))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Body {
        #[serde(default, deserialize_with = "super::optional")]
        id: Option<i64>,
    }

    #[test]
    fn a_whole_number_has_many_spellings() {
        for (text, expected) in [
            ("{}", None),
            (r#"{"id":null}"#, None),
            (r#"{"id":7}"#, Some(7)),
            (r#"{"id":-1.0}"#, Some(-1)),
            (r#"{"id":7.0}"#, Some(7)),
            (r#"{"id":7e0}"#, Some(7)),
            (r#"{"id":1.5e1}"#, Some(15)),
            (r#"{"id":-0.0}"#, Some(0)),
            (r#"{"id":-9223372036854775808.0}"#, Some(i64::MIN)),
            (r#"{"id":9223372036854775807}"#, Some(i64::MAX)),
        ] {
            let body: Body = serde_json::from_str(text).unwrap();
            assert_eq!(body, Body { id: expected }, "{text}");
            // As in a frame.
            let value: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::from_value::<Body>(value).unwrap(), body);
        }
    }

    #[test]
    fn anything_else_is_none() {
        for value in [
            json!(0.5),
            json!(1e30),
            json!(9_223_372_036_854_775_808_u64),
            json!(9_223_372_036_854_775_808.0),
            json!("7"),
            json!(true),
            json!([7]),
            json!({}),
        ] {
            let refused = serde_json::from_value::<Body>(json!({ "id": value }));
            let error = refused.unwrap_err().to_string();
            assert!(error.contains("expected a whole number"), "{error}");
        }
    }
}
