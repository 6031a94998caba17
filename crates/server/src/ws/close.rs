//! Why a socket was closed.
//!
//! | code | meaning | may resume |
//! |---|---|---|
//! | 1000 | the client closed it | yes |
//! | 1001 | the server is stopping; `retry_after_ms` was announced | yes, after that time |
//! | 1003 | a binary frame; the protocol is text | no: fix the client |
//! | 1009 | a frame above 64 KiB | no: fix the client |
//! | 1013 | the log can't be read now | yes, after a moment |
//! | 4401 | the session ended: signed out here or elsewhere, password changed, account disabled | no: sign in |
//! | 4403 | the access token expired a minute ago and was not renewed | yes, with a new token |
//! | 4408 | frames were not taken in time, or the client fell silent | yes |
//! | 4409 | the account was deleted | no |
//! | 4429 | too many sockets of this account, or frames too fast | yes, after a moment |
//!
//! "May resume": connect again with `since=<last cursor>`; everything after it follows.

use crate::feed::Ending;

pub const GOING_AWAY: u16 = 1001;
pub const UNSUPPORTED: u16 = 1003;
pub const TOO_BIG: u16 = 1009;
pub const TRY_LATER: u16 = 1013;
pub const SESSION_ENDED: u16 = 4401;
pub const TOKEN_EXPIRED: u16 = 4403;
pub const TOO_SLOW: u16 = 4408;
pub const ACCOUNT_DELETED: u16 = 4409;
pub const TOO_MANY: u16 = 4429;

/// Code, what it means, and whether the client may resume: for the API's documentation.
pub const CODES: &[(u16, &str, &str)] = &[
    (1000, "the client closed it", "yes"),
    (
        GOING_AWAY,
        "the server is stopping; `retry_after_ms` was announced",
        "yes, after that time",
    ),
    (
        UNSUPPORTED,
        "a binary frame; the protocol is text",
        "no: fix the client",
    ),
    (TOO_BIG, "a frame above 64 KiB", "no: fix the client"),
    (
        TRY_LATER,
        "the log can't be read now",
        "yes, after a moment",
    ),
    (
        SESSION_ENDED,
        "the session ended: signed out here or elsewhere, password changed, account disabled",
        "no: sign in",
    ),
    (
        TOKEN_EXPIRED,
        "the access token expired a minute ago and was not renewed",
        "yes, with a new token",
    ),
    (
        TOO_SLOW,
        "frames were not taken in time, or the client fell silent",
        "yes",
    ),
    (ACCOUNT_DELETED, "the account was deleted", "no"),
    (
        TOO_MANY,
        "too many sockets of this account, or frames too fast",
        "yes, after a moment",
    ),
];

/// A code and a reason of at most 123 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closing {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
}

impl Closing {
    pub(crate) const TOO_SLOW: Self = Self {
        code: TOO_SLOW,
        reason: "too_slow",
    };
    pub(crate) const SILENT: Self = Self {
        code: TOO_SLOW,
        reason: "silent",
    };
    pub(crate) const TOKEN_EXPIRED: Self = Self {
        code: TOKEN_EXPIRED,
        reason: "token_expired",
    };
    pub(crate) const TOO_MANY_SOCKETS: Self = Self {
        code: TOO_MANY,
        reason: "too_many_sockets",
    };
    pub(crate) const TOO_MANY_FRAMES: Self = Self {
        code: TOO_MANY,
        reason: "too_many_frames",
    };
    pub(crate) const TOO_BIG: Self = Self {
        code: TOO_BIG,
        reason: "frame_too_big",
    };
    pub(crate) const UNSUPPORTED: Self = Self {
        code: UNSUPPORTED,
        reason: "text_only",
    };
    pub(crate) const UNREADABLE: Self = Self {
        code: TRY_LATER,
        reason: "unreadable",
    };

    /// For what the client sends: it may be sending on.
    pub(crate) fn keeps_sending(self) -> bool {
        [Self::TOO_MANY_FRAMES, Self::TOO_BIG, Self::UNSUPPORTED].contains(&self)
    }
}

impl From<Ending> for Closing {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::SessionEnded => Self {
                code: SESSION_ENDED,
                reason: "session_ended",
            },
            Ending::AccountDeleted => Self {
                code: ACCOUNT_DELETED,
                reason: "account_deleted",
            },
            Ending::Draining => Self {
                code: GOING_AWAY,
                reason: "draining",
            },
            Ending::Unreadable => Self::UNREADABLE,
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_above_is_the_list() {
        let source = include_str!("close.rs");
        for (code, meaning, resume) in super::CODES {
            let row = format!("//! | {code} | {meaning} | {resume} |");
            assert!(source.contains(&row), "{row}");
        }
    }
}
