//! Ids in paths. A malformed one is answered like an unknown one.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use domain::{ApprovalId, CallId, ConversationId, MessageId, RunId, SessionId, TodoId, UserId};

use crate::error::Problem;

/// An id that a path may hold.
pub(crate) trait PathKey: Sized {
    fn from_text(text: &str) -> Option<Self>;
}

macro_rules! uuids {
    ($($name:ident),+) => {$(
        impl PathKey for $name {
            fn from_text(text: &str) -> Option<Self> {
                Self::parse(text)
            }
        }
    )+};
}

macro_rules! integers {
    ($($name:ident),+) => {$(
        impl PathKey for $name {
            fn from_text(text: &str) -> Option<Self> {
                // `+1` and `01` would be second names of the same thing.
                let id: i64 = text.parse().ok()?;
                (id >= 0 && id.to_string() == text).then_some(Self(id))
            }
        }
    )+};
}

/// A name that a tool may have; any other is nobody's.
pub(crate) struct ToolName(pub(crate) String);

impl PathKey for ToolName {
    fn from_text(text: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let named = (1..=64).contains(&text.len()) && text.chars().all(plain);
        named.then(|| Self(text.to_owned()))
    }
}

uuids!(ApprovalId, CallId, ConversationId, RunId, SessionId);
integers!(MessageId, TodoId, UserId);

/// The only id of a path.
pub(crate) struct PathId<T>(pub(crate) T);

/// Both ids of a path, in order.
pub(crate) struct PathIds<A, B>(pub(crate) A, pub(crate) B);

async fn texts<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Vec<String>, Problem> {
    let params = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| Problem::not_found())?;
    Ok(params.iter().map(|(_, value)| value.to_owned()).collect())
}

impl<S: Send + Sync, T: PathKey> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let texts = texts(parts, state).await?;
        let id = texts.first().and_then(|text| T::from_text(text));
        id.map(Self).ok_or_else(Problem::not_found)
    }
}

impl<S: Send + Sync, A: PathKey, B: PathKey> FromRequestParts<S> for PathIds<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match texts(parts, state).await?.as_slice() {
            [a, b] => A::from_text(a)
                .zip(B::from_text(b))
                .map(|(a, b)| Self(a, b))
                .ok_or_else(Problem::not_found),
            _ => Err(Problem::not_found()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_per_kind() {
        assert_eq!(MessageId::from_text("12"), Some(MessageId(12)));
        for bad in [
            "",
            "-1",
            "+1",
            "01",
            "1.0",
            "1e3",
            " 1",
            "x",
            "99999999999999999999",
        ] {
            assert_eq!(MessageId::from_text(bad), None, "{bad}");
        }
        assert!(ConversationId::from_text("018f0000-0000-7000-8000-000000000000").is_some());
        for bad in [
            "",
            "018f0000000070008000000000000000",
            "{018f0000-0000-7000-8000-00000000000}",
        ] {
            assert_eq!(ConversationId::from_text(bad), None, "{bad}");
        }
    }
}
