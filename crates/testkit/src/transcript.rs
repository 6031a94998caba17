//! What a client has read of messages, and whether it was read as promised: every byte of a
//! revision in order, without a hole, and no cursor twice.
//!
//! Message frames are rendered from the current row, so one may run ahead of the deltas that follow
//! it: those are ignored, but must repeat what is already there.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

/// A message as a client knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    pub revision: i64,
    pub text: String,
    pub status: String,
    /// Text of earlier revisions, as far as it was seen.
    pub before: BTreeMap<i64, String>,
}

/// Built of frames.
#[derive(Debug, Default)]
pub struct Transcript {
    pub messages: BTreeMap<i64, Known>,
    cursors: HashSet<String>,
}

impl Transcript {
    /// Takes a frame of any type.
    ///
    /// # Errors
    /// What was promised and not kept.
    pub fn take(&mut self, frame: &Value) -> Result<(), String> {
        if let Some(cursor) = frame["cursor"].as_str()
            && !self.cursors.insert(cursor.to_owned())
        {
            return Err(format!("cursor {cursor} came twice: {frame}"));
        }
        match frame["type"].as_str() {
            Some("message") => self.message(&frame["data"]),
            Some("delta") if frame["data"]["channel"] == "text" => self.delta(&frame["data"]),
            _ => Ok(()),
        }
    }

    /// A message, as from a frame or a page of the API.
    pub fn message(&mut self, message: &Value) -> Result<(), String> {
        let id = message["id"]
            .as_i64()
            .ok_or_else(|| format!("no id: {message}"))?;
        let revision = message["revision"].as_i64().unwrap_or(1);
        let content = message["content"].as_str().unwrap_or_default();
        let known = self.messages.entry(id).or_default();
        if revision < known.revision {
            return Err(format!(
                "message {id} went back to revision {revision}: {message}"
            ));
        }
        if revision == known.revision && !content.starts_with(&known.text) {
            return Err(format!(
                "message {id} lost words: had {:?}: {message}",
                known.text
            ));
        }
        known.turn(revision);
        content.clone_into(&mut known.text);
        message["status"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut known.status);
        Ok(())
    }

    fn delta(&mut self, delta: &Value) -> Result<(), String> {
        let id = delta["message_id"]
            .as_i64()
            .ok_or_else(|| format!("no id: {delta}"))?;
        let revision = delta["revision"].as_i64().unwrap_or_default();
        let offset = usize::try_from(delta["offset"].as_u64().unwrap_or_default()).unwrap();
        let text = delta["text"].as_str().unwrap_or_default();
        let known = self.messages.entry(id).or_default();
        if revision < known.revision {
            return Ok(());
        }
        known.turn(revision);
        let seen = known
            .text
            .as_bytes()
            .get(offset..)
            .map(|seen| seen.len().min(text.len()));
        let fits = |seen: usize| {
            known.text.as_bytes()[offset..].get(..seen) == text.as_bytes().get(..seen)
                && text.is_char_boundary(seen)
        };
        match seen {
            Some(seen) if fits(seen) => {
                known.text.push_str(&text[seen..]);
                Ok(())
            }
            _ => Err(format!(
                "message {id}, having {:?}, got {delta}",
                known.text
            )),
        }
    }
}

impl Known {
    fn turn(&mut self, revision: i64) {
        if revision > self.revision {
            let old = std::mem::take(&mut self.text);
            if self.revision > 0 {
                self.before.insert(self.revision, old);
            }
            self.revision = revision;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn delta(cursor: &str, revision: i64, offset: u64, text: &str) -> Value {
        json!({"type": "delta", "cursor": cursor, "data": {
            "message_id": 1, "revision": revision, "offset": offset, "channel": "text",
            "text": text}})
    }

    #[test]
    fn bytes_in_order_are_kept() {
        let mut read = Transcript::default();
        read.take(&delta("a", 1, 0, "zaż")).unwrap();
        read.take(&delta("b", 1, 4, "ółć")).unwrap();
        read.take(&delta("c", 2, 0, "new")).unwrap();
        let known = &read.messages[&1];
        assert_eq!((known.revision, known.text.as_str()), (2, "new"));
        assert_eq!(known.before[&1], "zażółć");
    }

    #[test]
    fn a_message_may_run_ahead_of_its_deltas() {
        let mut read = Transcript::default();
        let ahead = json!({"type": "message", "data": {"id": 1, "revision": 1, "content": "abcd"}});
        read.take(&ahead).unwrap();
        read.take(&delta("a", 1, 0, "ab")).unwrap();
        read.take(&delta("b", 1, 2, "cdef")).unwrap();
        assert_eq!(read.messages[&1].text, "abcdef");
        assert!(read.take(&delta("c", 1, 2, "xx")).is_err());
    }

    #[test]
    fn a_hole_a_double_and_lost_words_are_told() {
        let mut read = Transcript::default();
        read.take(&delta("a", 1, 0, "abc")).unwrap();
        assert!(read.take(&delta("b", 1, 4, "e")).is_err());
        assert!(read.take(&delta("a", 1, 3, "d")).is_err());
        read.take(&delta("d", 2, 0, "x")).unwrap();
        let shorter = json!({"type": "message", "data": {"id": 1, "revision": 2, "content": ""}});
        assert!(read.take(&shorter).is_err());
    }
}
