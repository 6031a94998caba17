//! Gathers the text of an answer into deltas: the first token at once, then at most one row per
//! interval.

use std::time::Duration;

use domain::limits::{DELTA_EVERY_LOADED_MS, DELTA_EVERY_MS};
use domain::store::OpenAnswer;
use domain::{Delta, DeltaChannel, MessageId, Offsets};
use tokio::time::Instant;

#[derive(Debug)]
pub(crate) struct Writer {
    message_id: MessageId,
    revision: i64,
    offsets: Offsets,
    pending: Vec<Delta>,
    next_flush: Instant,
    every: Duration,
}

impl Writer {
    pub(crate) fn new(answer: &OpenAnswer) -> Self {
        let bytes = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
        Self {
            message_id: answer.message_id,
            revision: answer.revision,
            offsets: Offsets {
                text: bytes(&answer.text),
                reasoning: bytes(&answer.reasoning),
                tool_arguments: answer.tool_arguments,
            },
            pending: Vec::new(),
            next_flush: Instant::now(),
            every: Duration::from_millis(DELTA_EVERY_MS),
        }
    }

    pub(crate) fn message_id(&self) -> MessageId {
        self.message_id
    }

    pub(crate) fn push(&mut self, channel: DeltaChannel, text: &str) {
        match self.pending.last_mut() {
            Some(last) if last.channel == channel => last.text.push_str(text),
            _ => self.pending.push(Delta {
                message_id: self.message_id,
                revision: self.revision,
                channel,
                offset: self.offsets.get(channel),
                text: text.to_owned(),
            }),
        }
        self.offsets.advance(channel, text.len());
    }

    /// When what is pending should be stored; `None` when nothing is.
    pub(crate) fn due(&self) -> Option<Instant> {
        (!self.pending.is_empty()).then_some(self.next_flush)
    }

    pub(crate) fn take(&mut self) -> Vec<Delta> {
        std::mem::take(&mut self.pending)
    }

    /// A commit that took long means load: rows then hold more text each.
    pub(crate) fn flushed(&mut self, started: Instant) {
        let took = started.elapsed();
        let (least, most) = (
            Duration::from_millis(DELTA_EVERY_MS),
            Duration::from_millis(DELTA_EVERY_LOADED_MS),
        );
        self.every = (took * 2).clamp(least, most);
        self.next_flush = started + self.every;
    }
}

#[cfg(test)]
mod tests {
    use domain::store::OpenAnswer;
    use domain::{DeltaChannel, MessageId};

    use super::Writer;

    #[tokio::test(start_paused = true)]
    async fn offsets_count_bytes_per_channel_and_go_on_from_what_is_stored() {
        let mut writer = Writer::new(&OpenAnswer {
            message_id: MessageId(5),
            revision: 2,
            text: "é".into(),
            reasoning: String::new(),
            tool_arguments: 0,
        });
        assert_eq!(writer.due(), None);
        writer.push(DeltaChannel::Text, "ab");
        writer.push(DeltaChannel::Text, "語");
        writer.push(DeltaChannel::Reasoning, "r");
        writer.push(DeltaChannel::Text, "c");
        assert!(writer.due().is_some());
        let seen: Vec<_> = writer
            .take()
            .into_iter()
            .map(|d| (d.channel, d.offset, d.text))
            .collect();
        assert_eq!(
            seen,
            vec![
                (DeltaChannel::Text, 2, "ab語".to_owned()),
                (DeltaChannel::Reasoning, 0, "r".to_owned()),
                (DeltaChannel::Text, 7, "c".to_owned()),
            ]
        );
        assert_eq!(writer.due(), None);
    }
}
