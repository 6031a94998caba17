//! Query parameters, read one by one with their bounds.

use std::ops::RangeInclusive;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::error::Problem;
use crate::extract::Check;

/// All parameters of a query string, decoded. Unknown ones are ignored; of a repeated one the first
/// counts.
#[derive(Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    check: Check,
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(pairs)| Self {
                pairs,
                check: Check::default(),
            })
            .map_err(|_| Problem::invalid("?", "The query string can't be read."))
    }
}

impl Query {
    /// Empty values count as absent.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(key, _)| key == name)
    }

    pub(crate) fn short_text(&mut self, name: &str, max: usize) -> Option<String> {
        let text = self.text(name)?.to_owned();
        self.check.line(&format!("?{name}"), &text, max);
        Some(text)
    }

    pub(crate) fn integer(&mut self, name: &str, allowed: RangeInclusive<i64>) -> Option<i64> {
        let text = self.text(name)?;
        match text
            .parse::<i64>()
            .ok()
            .filter(|number| allowed.contains(number))
        {
            Some(number) => Some(number),
            None => {
                let (low, high) = (allowed.start(), allowed.end());
                let message = format!("This must be a whole number from {low} to {high}.");
                self.check.fail(&format!("?{name}"), message);
                None
            }
        }
    }

    pub(crate) fn boolean(&mut self, name: &str) -> Option<bool> {
        match self.text(name)? {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                self.check
                    .fail(&format!("?{name}"), "This must be `true` or `false`.");
                None
            }
        }
    }

    pub(crate) fn fail(&mut self, name: &str, message: &str) {
        self.check.fail(&format!("?{name}"), message);
    }

    pub(crate) fn done(self) -> Result<(), Problem> {
        self.check.done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        let uri = format!("/x?{text}").parse::<axum::http::Uri>().unwrap();
        let axum::extract::Query(pairs) = axum::extract::Query::try_from_uri(&uri).unwrap();
        Query {
            pairs,
            check: Check::default(),
        }
    }

    #[test]
    fn numbers_stay_within_their_bounds() {
        let mut good = query("page=3&limit=");
        assert_eq!(good.integer("page", 1..=5), Some(3));
        assert_eq!(good.integer("limit", 1..=5), None);
        assert!(good.done().is_ok());
        for bad in ["-1", "0", "6", "1.5", "x", "1000000000000000000000"] {
            let mut query = query(&format!("page={bad}"));
            assert_eq!(query.integer("page", 1..=5), None);
            assert_eq!(
                query.done().unwrap_err().errors[0].pointer,
                "?page",
                "{bad}"
            );
        }
    }

    #[test]
    fn booleans_are_words() {
        let mut query = query("a=true&b=false&c=1");
        assert_eq!(query.boolean("a"), Some(true));
        assert_eq!(query.boolean("b"), Some(false));
        assert_eq!(query.boolean("c"), None);
        assert!(query.done().is_err());
    }
}
