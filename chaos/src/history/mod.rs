//! The history checker: what clients were told, line by line, against what is there in the end.
//!
//! A client writes a line *before* it sends (`invoke`) and one when it knows what came of it:
//!
//! | `type` | means |
//! |---|---|
//! | `invoke` | is about to be sent |
//! | `ok` | the server said yes: it must be there, for ever |
//! | `fail` | the server said no: by this attempt it must not be there |
//! | `info` | nobody knows: a timeout, a reset, a 5xx. It may be there, once |
//! | `seen` | what had been read of a message when reading stopped: it must still be there |
//! | `broken` | a promise that the client itself saw broken, such as a hole in a stream |
//!
//! An `invoke` without a second line counts as `info`: the client was stopped first. The order of the
//! lines is the order of time. [`check`] holds the lines against a [`State`]: what the API shows each
//! account in the end, and the rows of the raw database.

mod check;
#[cfg(test)]
mod lies;
mod recorder;
mod state;

use serde::{Deserialize, Serialize};

pub use check::{Verdict, check};
pub use recorder::{Recorder, load};
pub use state::{Account, Row, State};

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Since the log was begun.
    pub at_ms: u64,
    /// The account's e-mail address. Several clients may use one.
    pub account: String,
    /// Of one request: the lines of the same number belong together.
    pub op: u64,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum What {
    Invoke(Message),
    Ok(Yes),
    Fail { why: String },
    Info { why: String },
    Seen(Seen),
    Broken { why: String },
}

/// What is sent. The same again has the same key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// `client_message_id`
    pub key: String,
    pub content: String,
    /// Unset: the message makes its own.
    pub conversation: Option<String>,
    /// What must come of it.
    pub expect: Expected,
}

/// What the scripted model was told to say and do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// Text of each answer, the final one last: one model call each.
    pub answers: Vec<String>,
    /// Tool calls, each with one result.
    pub calls: usize,
    /// Titles of todos that its calls add.
    pub todos: Vec<String>,
    /// JSON strings, each in exactly one result.
    pub results: Vec<String>,
}

/// What an acknowledgement names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Yes {
    pub message: i64,
    pub conversation: String,
    pub run: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub message: i64,
    pub revision: i64,
    pub text: String,
}
