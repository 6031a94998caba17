//! Tool calls that arrive in pieces, from endpoints that number them and from those that don't.

use std::collections::{BTreeSet, VecDeque};

use agent::ports::{ModelChunk, ModelError, RawToolCall};
use domain::{FinishReason, Usage};
use serde_json::Value;

use crate::failure::Subject;
use crate::remote::clean;

/// Calls of one answer; the agent executes far fewer.
const CALLS: usize = 128;
/// Bytes of the arguments of all calls of one answer.
const ARGUMENTS_BYTES: usize = 1_024 * 1_024;

/// What an endpoint sends of a call at once: `null` where there is nothing of it.
pub(crate) struct Piece<'a> {
    pub index: Option<u64>,
    pub id: &'a Value,
    pub name: &'a Value,
    /// More of their text. Some send the object itself.
    pub arguments: &'a Value,
}

#[derive(Debug, PartialEq, Eq)]
struct TooMuch;

#[derive(Default)]
pub(crate) struct Calls {
    calls: Vec<Call>,
    bytes: usize,
}

#[derive(Default)]
struct Call {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

impl Calls {
    /// The end of the answer that these calls are of.
    pub(crate) fn end(&mut self, finish: Option<FinishReason>, usage: Usage) -> ModelChunk {
        let finish = match finish {
            // Not all say that they call.
            None | Some(FinishReason::Stop) if !self.calls.is_empty() => FinishReason::ToolCalls,
            reason => reason.unwrap_or(FinishReason::Stop),
        };
        ModelChunk::End {
            calls: self.take(),
            finish,
            usage,
        }
    }

    /// Takes a piece, and says its arguments on.
    pub(crate) fn add(
        &mut self,
        piece: &Piece<'_>,
        subject: &Subject,
        out: &mut VecDeque<ModelChunk>,
    ) -> Result<(), ModelError> {
        let arguments = self
            .piece(piece)
            .map_err(|TooMuch| subject.protocol("more tool calls than can be meant"))?;
        if !arguments.is_empty() {
            out.push_back(ModelChunk::ToolArguments(clean(&arguments)));
        }
        Ok(())
    }

    /// Answers with its arguments.
    fn piece(&mut self, piece: &Piece<'_>) -> Result<String, TooMuch> {
        let Piece { index, .. } = *piece;
        let id = piece.id.as_str().unwrap_or_default();
        let name = piece.name.as_str().unwrap_or_default();
        let arguments = match piece.arguments {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.bytes += id.len() + name.len() + arguments.len();
        if self.bytes > ARGUMENTS_BYTES {
            return Err(TooMuch);
        }
        let at = match self.place(index, id, name, &arguments) {
            Some(at) => at,
            None if self.calls.len() >= CALLS => return Err(TooMuch),
            None => {
                self.calls.push(Call {
                    index,
                    ..Call::default()
                });
                self.calls.len() - 1
            }
        };
        let call = &mut self.calls[at];
        if call.id.is_empty() {
            id.clone_into(&mut call.id);
        }
        if call.name.is_empty() {
            name.clone_into(&mut call.name);
        }
        call.arguments.push_str(&arguments);
        Ok(arguments)
    }

    /// The call that a piece belongs to; `None` begins another.
    fn place(&self, index: Option<u64>, id: &str, name: &str, arguments: &str) -> Option<usize> {
        let at = match index {
            Some(_) => self.calls.iter().rposition(|call| call.index == index)?,
            None if id.is_empty() => self.calls.len().checked_sub(1)?,
            None => self.calls.iter().rposition(|call| call.id == id)?,
        };
        let call = &self.calls[at];
        // Some number every call 0, some give every call the same id.
        let other_id = !id.is_empty() && !call.id.is_empty() && call.id != id;
        let begins_again = !name.is_empty()
            && !call.name.is_empty()
            && (name != call.name || arguments.trim_start().starts_with('{'))
            && serde_json::from_str::<Value>(&call.arguments).is_ok_and(|value| value.is_object());
        // A new id on a running number counts only where a new name comes with it.
        let another = (other_id && !name.is_empty()) || (index.is_none() && begins_again);
        (!another).then_some(at)
    }

    /// In order of appearance. A repeated id is left to its first call: an id that names two calls
    /// would make the history ambiguous. Pieces that never got a name are no calls.
    fn take(&mut self) -> Vec<RawToolCall> {
        let mut seen = BTreeSet::new();
        std::mem::take(&mut self.calls)
            .into_iter()
            .filter(|call| !call.name.is_empty())
            .map(|call| {
                let first = !call.id.is_empty() && seen.insert(call.id.clone());
                RawToolCall {
                    provider_id: if first { call.id } else { String::new() },
                    name: call.name,
                    arguments: if call.arguments.trim().is_empty() {
                        "{}".to_owned()
                    } else {
                        call.arguments
                    },
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Clone, Default)]
    struct Given {
        index: Option<u64>,
        id: Value,
        name: Value,
        arguments: Value,
    }

    impl Given {
        fn as_piece(&self) -> Piece<'_> {
            Piece {
                index: self.index,
                id: &self.id,
                name: &self.name,
                arguments: &self.arguments,
            }
        }
    }

    fn collect(pieces: &[Given]) -> Vec<(String, String, String)> {
        let mut calls = Calls::default();
        for piece in pieces {
            calls.piece(&piece.as_piece()).unwrap();
        }
        calls
            .take()
            .into_iter()
            .map(|c| (c.provider_id, c.name, c.arguments))
            .collect()
    }

    fn piece(index: Option<u64>, id: Option<&str>, name: Option<&str>, arguments: &str) -> Given {
        Given {
            index,
            id: json!(id),
            name: json!(name),
            arguments: json!(arguments),
        }
    }

    fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
        (id.into(), name.into(), arguments.into())
    }

    #[test]
    fn numbered_pieces_may_interleave() {
        let made = collect(&[
            piece(Some(0), Some("a"), Some("f"), ""),
            piece(Some(1), Some("b"), Some("g"), "{\"y\""),
            piece(Some(0), None, None, "{\"x\":1}"),
            piece(Some(1), None, None, ":2}"),
        ]);
        assert_eq!(
            made,
            [call("a", "f", "{\"x\":1}"), call("b", "g", "{\"y\":2}")]
        );
    }

    #[test]
    fn pieces_without_numbers_follow_their_id_or_the_last_call() {
        let made = collect(&[
            piece(None, Some("a"), Some("f"), "{\"x\""),
            piece(None, None, None, ":1}"),
            piece(None, Some("b"), Some("g"), "{\"y\""),
            piece(None, Some("b"), Some("g"), ":2}"),
        ]);
        assert_eq!(
            made,
            [call("a", "f", "{\"x\":1}"), call("b", "g", "{\"y\":2}")]
        );
    }

    #[test]
    fn two_calls_with_one_id_or_one_number_stay_two() {
        let made = collect(&[
            piece(Some(0), Some("a"), Some("f"), "{}"),
            piece(Some(1), Some("a"), Some("f"), "{\"x\":2}"),
        ]);
        assert_eq!(made, [call("a", "f", "{}"), call("", "f", "{\"x\":2}")]);
        let made = collect(&[
            piece(None, Some("a"), Some("f"), "{\"x\":1}"),
            piece(None, Some("a"), Some("f"), "{\"x\":2}"),
        ]);
        assert_eq!(
            made,
            [call("a", "f", "{\"x\":1}"), call("", "f", "{\"x\":2}")]
        );
        let made = collect(&[
            piece(Some(0), Some("a"), Some("f"), "{\"x\":1}"),
            piece(Some(0), Some("b"), Some("g"), "{\"x\":2}"),
        ]);
        assert_eq!(
            made,
            [call("a", "f", "{\"x\":1}"), call("b", "g", "{\"x\":2}")]
        );
    }

    #[test]
    fn arguments_may_be_missing_or_an_object() {
        let made = collect(&[
            Given {
                index: Some(0),
                id: json!("a"),
                name: json!("f"),
                ..Given::default()
            },
            Given {
                arguments: json!({"x": 1}),
                ..piece(Some(1), Some("b"), Some("g"), "")
            },
            piece(Some(2), Some("c"), None, "{}"),
        ]);
        assert_eq!(made, [call("a", "f", "{}"), call("b", "g", "{\"x\":1}")]);
    }

    #[test]
    fn calls_and_arguments_are_bounded() {
        let mut calls = Calls::default();
        let big = "x".repeat(600 * 1_024);
        let first = piece(Some(0), Some("a"), Some("f"), &big);
        assert!(calls.piece(&first.as_piece()).is_ok());
        let more = piece(Some(0), None, None, &big);
        assert_eq!(calls.piece(&more.as_piece()), Err(TooMuch));
        let mut calls = Calls::default();
        let refused = (0..1_000).find(|n| {
            let one = piece(Some(*n), None, Some("f"), "");
            calls.piece(&one.as_piece()).is_err()
        });
        assert_eq!(refused, Some(128));
    }
}
