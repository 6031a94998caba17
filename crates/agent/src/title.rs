//! Titles by the model, after the first exchange.

use std::time::Duration;

use domain::conversation::title_from_words;
use domain::{MessageType, Run, TitleSource};
use futures::StreamExt;
use tokio::time::timeout;

use crate::context::shortened;
use crate::driver::Deps;
use crate::ports::{Model, ModelChunk, ModelMessage, ModelRequest};

const PATIENCE: Duration = Duration::from_secs(20);
/// UTF-8 bytes of each side of the exchange that the model is shown.
const SHOWN: usize = 2_000;
const MAX_OUTPUT_TOKENS: u32 = 40;

/// Asks for a title when the conversation has one exchange and its title is only its first words.
/// Every failure leaves the title as it is.
pub(crate) async fn suggest(deps: &Deps, run: &Run, model: &dyn Model) {
    let Ok(conversation) = deps
        .store
        .conversation(run.user_id, run.conversation_id)
        .await
    else {
        return;
    };
    if conversation.title_source != TitleSource::FirstWords {
        return;
    }
    // The end of this run: the head is that of the next one already where messages wait.
    let Ok(Run { ai_message_id, .. }) = deps.store.run(run.user_id, run.run_id).await else {
        return;
    };
    let history = deps
        .store
        .history(run.user_id, run.conversation_id, ai_message_id, 64 * 1_024)
        .await;
    let Ok((history, false)) = history else {
        return;
    };
    let mut questions = history
        .iter()
        .filter(|m| m.message_type == MessageType::UserInput);
    let (Some(question), None) = (questions.next(), questions.next()) else {
        return;
    };
    let Some(answer) = history
        .iter()
        .rev()
        .find(|m| m.message_type == MessageType::AssistantResponse && !m.content.is_empty())
    else {
        return;
    };
    let request = ModelRequest {
        conversation_id: run.conversation_id,
        run_id: run.run_id,
        system: "You write titles of conversations: at most six words, in the language of the \
                 conversation, no quotation marks, no full stop. Answer with the title only."
            .to_owned(),
        messages: vec![ModelMessage::User(format!(
            "Question:\n{}\n\nAnswer:\n{}",
            shortened(&question.content, SHOWN),
            shortened(&answer.content, SHOWN)
        ))],
        tools: Vec::new(),
        prefill: None,
        max_output_tokens: Some(MAX_OUTPUT_TOKENS),
    };
    let Ok(Some(text)) = timeout(PATIENCE, ask(model, request)).await else {
        return;
    };
    let Some(title) = cleaned(&text) else { return };
    if let Err(error) = deps
        .store
        .suggest_title(run.user_id, run.conversation_id, &title)
        .await
    {
        tracing::debug!(%error, "a title was not stored");
    }
}

async fn ask(model: &dyn Model, request: ModelRequest) -> Option<String> {
    let mut stream = model.answer(request).await.ok()?;
    let mut text = String::new();
    while let Some(chunk) = stream.next().await {
        match chunk.ok()? {
            ModelChunk::Text(piece) => text.push_str(&piece),
            ModelChunk::End { .. } => return Some(text),
            ModelChunk::Queued { .. } | ModelChunk::Reasoning(_) | ModelChunk::ToolArguments(_) => {
            }
        }
        if text.len() > SHOWN {
            return None;
        }
    }
    None
}

/// One line without quotation marks, or nothing when nothing sensible is left.
fn cleaned(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let quotes = ['"', '“', '”', '„', '«', '»', '\'', '`', '*', '#'];
    let bare = line.trim_matches(|c: char| quotes.contains(&c) || c.is_whitespace());
    let bare = bare
        .trim_end_matches('.')
        .replace(|c: char| c.is_control(), "");
    let title = title_from_words(&bare);
    (!title.is_empty()).then_some(title)
}

#[cfg(test)]
mod tests {
    use super::cleaned;

    #[test]
    fn titles_are_one_bare_line() {
        assert_eq!(
            cleaned("\n\"A run of luck.\"\nmore"),
            Some("A run of luck".to_owned())
        );
        assert_eq!(cleaned(" \n \u{7}"), None);
    }
}
