//! Conversations: a tree of messages, of which one path is active.

use serde_json::Value;

use crate::{ConversationId, MessageId, RunId, RunState, Timestamp, UserId};

/// Who wrote the title; a title by the user is never replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TitleSource {
    FirstWords,
    Model,
    User,
}

impl TitleSource {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstWords => "first_words",
            Self::Model => "model",
            Self::User => "user",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "first_words" => Some(Self::FirstWords),
            "model" => Some(Self::Model),
            "user" => Some(Self::User),
            _ => None,
        }
    }
}

/// A row of `conversation_states` with what lists need, nothing counted at read time.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    pub id: i64,
    pub conversation_id: ConversationId,
    pub user_id: UserId,
    pub title: Option<String>,
    pub title_source: TitleSource,
    /// First user message.
    pub user_input: Option<String>,
    /// Object or `None`.
    pub focus_areas: Option<Value>,
    /// Model and tool calls made by the agent so far.
    pub step_count: i64,
    /// Object or `None`; other results are wrapped as `{"value": …}`.
    pub last_tool_result: Option<Value>,
    pub message_count: i64,
    pub pinned: bool,
    pub archived: bool,
    pub tags: Vec<String>,
    /// `provider/model` chosen for this conversation; `None` means the default.
    pub model: Option<String>,
    pub agent_id: Option<String>,
    /// Leaf of the active branch.
    pub head_message_id: Option<MessageId>,
    pub active_run: Option<ActiveRun>,
    pub created_at: Timestamp,
    /// Moves with every message.
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveRun {
    pub run_id: RunId,
    pub state: RunState,
}

#[derive(Debug, Clone)]
pub struct NewConversation {
    pub conversation_id: ConversationId,
    pub title: Option<String>,
    pub model: Option<String>,
    pub now: Timestamp,
}

/// Outer `None` leaves the field; inner `None` clears it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConversationPatch {
    pub title: Option<String>,
    pub pinned: Option<bool>,
    pub archived: Option<bool>,
    pub tags: Option<Vec<String>>,
    pub model: Option<Option<String>>,
}

/// Filters and position of a list, newest activity first.
#[derive(Debug, Clone, Default)]
pub struct ConversationQuery {
    pub position: ListPosition,
    /// 1..=100
    pub per_page: i64,
    /// Case-insensitive part of the title or first message.
    pub q: Option<String>,
    pub archived: Option<bool>,
    pub pinned: Option<bool>,
    pub tag: Option<String>,
}

#[derive(Debug, Clone)]
pub enum ListPosition {
    /// From 1.
    Page(i64),
    /// Strictly after this key in the order `(updated_at, id)` descending.
    After { updated_at: Timestamp, id: i64 },
}

impl Default for ListPosition {
    fn default() -> Self {
        Self::Page(1)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct ConversationPage {
    pub conversations: Vec<Conversation>,
    /// Unfiltered: the kept counter `users.conversation_count`. Filtered: counted.
    pub total: i64,
    pub has_more: bool,
}

/// A title made of the first words of a message: one line, at most 60 characters, cut between
/// words where there is a space.
#[must_use]
pub fn title_from_words(content: &str) -> String {
    const MAX: usize = 60;
    let line: String = content.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MAX {
        return line;
    }
    let cut: String = line.chars().take(MAX).collect();
    let kept = match cut.rfind(' ') {
        Some(at) if at > MAX / 3 => &cut[..at],
        _ => cut.as_str(),
    };
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::title_from_words;

    #[test]
    fn short_text_is_its_own_title() {
        assert_eq!(title_from_words("  What is\n a  run? "), "What is a run?");
    }

    #[test]
    fn long_text_is_cut_between_words() {
        let title = title_from_words(&"word ".repeat(40));
        assert_eq!(title, format!("{}…", "word ".repeat(12).trim_end()));
    }

    #[test]
    fn text_without_spaces_is_cut_at_the_limit() {
        assert_eq!(
            title_from_words(&"語".repeat(100)),
            format!("{}…", "語".repeat(60))
        );
    }
}
