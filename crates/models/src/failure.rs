//! What went wrong upstream, as a [`ModelError`] that says what to do and holds no secret.

use std::time::Duration;

use agent::ports::{ModelError, ModelErrorKind as Kind};
use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::kind::{kind_of_error_object, says_too_long};
use crate::retry_after::retry_after_ms;

/// Code points of an upstream's own words that are passed on.
const QUOTED_CHARS: usize = 240;
/// Bytes of a failed response that are read.
pub(crate) const ERROR_BODY_BYTES: usize = 64 * 1_024;

/// Whom an error is about. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) host: String,
    pub(crate) key: Option<SecretString>,
}

impl Subject {
    /// A response with a status other than 2xx.
    pub(crate) fn status(&self, status: u16, headers: &HeaderMap, body: &str) -> ModelError {
        let value = serde_json::from_str::<Value>(body).ok();
        // Some wrap the error into an array.
        let value = value.map(|value| match value {
            Value::Array(mut items) if !items.is_empty() => items.swap_remove(0),
            other => other,
        });
        if value.is_none() && is_html(body) && !matches!(status, 401 | 403 | 429 | 500..) {
            return web_page();
        }
        let inner = value
            .as_ref()
            .map(|value| value.get("error").unwrap_or(value));
        let message = inner.and_then(message_of).unwrap_or_else(|| {
            if value.is_none() && !is_html(body) {
                body.to_owned()
            } else {
                String::new()
            }
        });
        let named = inner.and_then(kind_of_error_object);
        let kind = match status {
            300..=399 => {
                return ModelError::new(
                    Kind::Protocol,
                    format!(
                        "{} answered with a redirect. Check the base URL of this provider.",
                        self.provider
                    ),
                );
            }
            401 | 403 => Kind::Auth,
            404 if value.is_some() => Kind::NotConfigured,
            404 => {
                return ModelError::new(
                    Kind::Refused,
                    format!(
                        "There is nothing at this address of {} (404). Check its base URL.",
                        self.provider
                    ),
                );
            }
            429 if named == Some(Kind::Refused) => Kind::Refused,
            429 | 529 => Kind::RateLimited,
            408 | 425 => Kind::Upstream,
            400..=499 if named == Some(Kind::ContextTooLong) || says_too_long(&message) => {
                Kind::ContextTooLong
            }
            400..=499 => Kind::Refused,
            _ if named == Some(Kind::RateLimited) => Kind::RateLimited,
            _ => Kind::Upstream,
        };
        let mut error = self.error(kind, &message);
        error.retry_after_ms = retry_after_ms(headers);
        error
    }

    /// An error object where an answer should be: in a stream, or in a body with status 200.
    pub(crate) fn error_object(&self, error: &Value) -> ModelError {
        let message = message_of(error).unwrap_or_default();
        let kind = match kind_of_error_object(error) {
            None if says_too_long(&message) => Kind::ContextTooLong,
            kind => kind.unwrap_or(Kind::Upstream),
        };
        self.error(kind, &message)
    }

    /// No response, or one that broke off.
    pub(crate) fn transport(&self, error: &reqwest::Error) -> ModelError {
        if error.is_builder() {
            return ModelError::new(
                Kind::NotConfigured,
                format!(
                    "A request to {} can't be built. Check its base URL and key.",
                    self.provider
                ),
            );
        }
        if error.is_body() || error.is_decode() {
            return self.interrupted();
        }
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let why = if error.is_timeout() {
            "timed out".to_owned()
        } else {
            cause.to_string()
        };
        let mut made = ModelError::new(
            Kind::Unreachable,
            format!(
                "{} can't be reached at {}: {}. Check the address and that it is running.",
                self.provider,
                self.host,
                self.quote(&why)
            ),
        );
        if error.is_request() && !error.is_connect() && !error.is_timeout() {
            made.detail = format!(
                "{} at {} closed the connection before it answered: {}.",
                self.provider,
                self.host,
                self.quote(&why)
            );
        }
        made
    }

    /// Connected or not: nothing came in time.
    pub(crate) fn silent(&self, patience: Duration) -> ModelError {
        ModelError::new(
            Kind::Unreachable,
            format!(
                "{} at {} did not answer within {} seconds. Check the address and that it is running.",
                self.provider,
                self.host,
                patience.as_secs()
            ),
        )
    }

    pub(crate) fn interrupted(&self) -> ModelError {
        ModelError::new(
            Kind::Interrupted,
            format!(
                "The answer of {} broke off before its end. Try again.",
                self.provider
            ),
        )
    }

    pub(crate) fn protocol(&self, what: &str) -> ModelError {
        ModelError::new(
            Kind::Protocol,
            format!(
                "{} sent {what}. Check that its base URL and adapter fit.",
                self.provider
            ),
        )
    }

    fn error(&self, kind: Kind, message: &str) -> ModelError {
        let provider = &self.provider;
        let quoted = self.quote(message);
        let said = if quoted.is_empty() {
            String::new()
        } else {
            format!(" It said: {quoted}")
        };
        let detail = match kind {
            // Their words often repeat a part of the key.
            Kind::Auth => format!(
                "{provider} refused the key. Check the key of this provider in the configuration, and that it may use {}.",
                self.model
            ),
            Kind::RateLimited => {
                format!(
                    "{provider} is busy or its rate limit is reached. Try again in a moment.{said}"
                )
            }
            Kind::Upstream => format!("{provider} failed. Try again.{said}"),
            Kind::NotConfigured => format!(
                "{provider} does not know the model {}. Choose another model.{said}",
                self.model
            ),
            Kind::ContextTooLong => format!(
                "The conversation is too long for {}. Start a new one or choose a model with a larger window.",
                self.model
            ),
            _ if said.is_empty() => {
                format!("{provider} refused the request. Check its base URL and the chosen model.")
            }
            _ => format!("{provider} refused the request.{said}"),
        };
        ModelError::new(kind, detail)
    }

    /// One line, short, without the key or anything that looks like one.
    fn quote(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if let Some(key) = self.key.as_ref().map(ExposeSecret::expose_secret)
            && !key.is_empty()
        {
            text = text.replace(key, "…");
        }
        let words: Vec<&str> = text
            .split(|c: char| c.is_whitespace() || c.is_control())
            .filter(|word| !word.is_empty())
            .map(|word| if looks_secret(word) { "…" } else { word })
            .collect();
        let line = words.join(" ");
        if line.chars().count() <= QUOTED_CHARS {
            return line;
        }
        let mut cut: String = line.chars().take(QUOTED_CHARS).collect();
        cut.push('…');
        cut
    }
}

pub(crate) fn web_page() -> ModelError {
    ModelError::new(
        Kind::Protocol,
        "The endpoint answered with a web page: check the base URL of this provider.",
    )
}

pub(crate) fn is_html(text: &str) -> bool {
    let start: String = text
        .trim_start()
        .chars()
        .take(15)
        .collect::<String>()
        .to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html") || start.starts_with("<head")
}

fn looks_secret(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    word.len() > 8
        && ["sk-", "AIza", "gsk_", "xai-"]
            .iter()
            .any(|start| word.starts_with(start))
}

fn message_of(error: &Value) -> Option<String> {
    let text = match error {
        Value::String(text) => text.as_str(),
        _ => ["message", "detail", "error"]
            .iter()
            .find_map(|key| error.get(key)?.as_str())?,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn subject() -> Subject {
        Subject {
            provider: "acme".into(),
            model: "m1".into(),
            host: "acme.example".into(),
            key: Some(SecretString::from("topsecret")),
        }
    }

    #[test]
    fn statuses_become_kinds() {
        for (status, body, kind) in [
            (401, "{}", Kind::Auth),
            (403, "<html>", Kind::Auth),
            (
                404,
                r#"{"error":{"message":"model 'm1' not found"}}"#,
                Kind::NotConfigured,
            ),
            (404, "404 page not found", Kind::Refused),
            (404, "<!DOCTYPE html><html>", Kind::Protocol),
            (302, "", Kind::Protocol),
            (
                400,
                r#"{"error":{"code":"context_length_exceeded","type":"invalid_request_error"}}"#,
                Kind::ContextTooLong,
            ),
            (
                400,
                r#"{"error":{"message":"This model's maximum context length is 8192"}}"#,
                Kind::ContextTooLong,
            ),
            (400, r#"{"error":{"message":"bad"}}"#, Kind::Refused),
            (422, "no", Kind::Refused),
            (408, "", Kind::Upstream),
            (
                429,
                r#"{"error":{"code":"insufficient_quota"}}"#,
                Kind::Refused,
            ),
            (429, "", Kind::RateLimited),
            (500, "<html>oops</html>", Kind::Upstream),
            (
                503,
                r#"[{"error":{"status":"UNAVAILABLE"}}]"#,
                Kind::RateLimited,
            ),
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error"}}"#,
                Kind::RateLimited,
            ),
        ] {
            assert_eq!(
                subject().status(status, &HeaderMap::new(), body).kind,
                kind,
                "{status} {body}"
            );
        }
    }

    #[test]
    fn no_key_and_no_page_gets_out() {
        let body = json!({"error": {"message": format!("bad topsecret sk-abcdefghijkl\n{}", "x ".repeat(500))}});
        let error = subject().status(400, &HeaderMap::new(), &body.to_string());
        assert!(
            !error.detail.contains("topsecret") && !error.detail.contains("abcdef"),
            "{error}"
        );
        assert!(
            error.detail.chars().count() < 320 && !error.detail.contains('\n'),
            "{error}"
        );
        let error = subject().status(502, &HeaderMap::new(), "<html><b>proxy</b></html>");
        assert_eq!(error.detail, "acme failed. Try again.");
    }
}
