//! Identifiers. Integers are the seed plan's keys; UUIDs are version 7 and made by [`Ids`].

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The only source of randomness of the product's own ids. A parameter, so that tests can fix it.
pub trait Ids: Send + Sync + 'static {
    /// A new UUID version 7.
    fn uuid(&self) -> Uuid;
    /// Bytes from the operating system's generator, for tickets and codes.
    fn fill(&self, bytes: &mut [u8]);
}

macro_rules! integer_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl $name {
            #[must_use]
            pub fn new(ids: &dyn Ids) -> Self {
                Self(ids.uuid())
            }

            /// `None` for anything that is not a UUID in its usual hyphenated form.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten().map(Self)
            }
        }
    )+};
}

integer_id! {
    /// `users.id`. Never reused.
    UserId,
    /// `conversation_messages.id`. Never reused; grows along a branch.
    MessageId,
    /// `todos.id`.
    TodoId,
}

uuid_id! {
    /// `conversation_states.conversation_id`, the public name of a conversation.
    ConversationId,
    RunId,
    /// One login on one device: a family of refresh tokens.
    SessionId,
    /// One tool call of one run.
    CallId,
    ApprovalId,
    /// One start of one server process.
    NodeId,
}
