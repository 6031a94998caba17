//! The sentences that a user may read about the built-in model.

use agent::ports::{ModelError, ModelErrorKind};

pub(crate) fn missing(label: &str) -> ModelError {
    ModelError::new(
        ModelErrorKind::NotConfigured,
        format!(
            "The file of the built-in model {label} is missing. Run `make model` or `rejoinder model pull`, or choose another model."
        ),
    )
}

pub(crate) fn damaged(label: &str) -> ModelError {
    ModelError::new(
        ModelErrorKind::NotConfigured,
        format!(
            "The file of the built-in model {label} is damaged. Run `make model` or `rejoinder model pull` to fetch it again, or choose another model."
        ),
    )
}

pub(crate) fn unreadable(label: &str, why: &std::io::Error) -> ModelError {
    ModelError::new(
        ModelErrorKind::NotConfigured,
        format!(
            "The file of the built-in model {label} can't be read: {why}. Check its permissions."
        ),
    )
}

pub(crate) fn no_template(label: &str) -> ModelError {
    ModelError::new(
        ModelErrorKind::NotConfigured,
        format!(
            "{label} has no chat template that can be used: it is not made for conversations. Choose an instruct model."
        ),
    )
}

pub(crate) fn busy() -> ModelError {
    ModelError::new(
        ModelErrorKind::RateLimited,
        "The built-in model is busy. Try again in a moment, or choose another model.",
    )
}

pub(crate) fn too_long(label: &str, tokens: usize, window: usize) -> ModelError {
    ModelError::new(
        ModelErrorKind::ContextTooLong,
        format!(
            "The conversation is too long for {label}: {tokens} of {window} tokens. Start a new one or choose a model with a larger window."
        ),
    )
}

pub(crate) fn engine(what: &str) -> ModelError {
    ModelError::new(
        ModelErrorKind::Upstream,
        format!("The built-in model failed: {what}. Try again."),
    )
}

pub(crate) fn stopped() -> ModelError {
    ModelError::new(
        ModelErrorKind::Interrupted,
        "The built-in model stopped before the end of the answer. Try again.",
    )
}
