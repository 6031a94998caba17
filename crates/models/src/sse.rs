//! Server-sent events, bounded. <https://html.spec.whatwg.org/multipage/server-sent-events.html>

use bytes::Bytes;

/// Bytes of one line, and of the data of one event.
pub(crate) const LINE_BYTES: usize = 1_024 * 1_024;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) data: String,
    /// The stream ended inside this event; its last line may be cut.
    pub(crate) cut: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SseError {
    /// More than [`LINE_BYTES`] without an end.
    TooLong,
    /// The first line is markup.
    Html,
    /// The first line is a JSON object: not an event stream.
    Json,
}

/// Push bytes, take events. Bytes may be split anywhere, inside characters too: a line is decoded
/// when it is complete.
#[derive(Default)]
pub(crate) struct Decoder {
    buffer: Vec<u8>,
    /// Start of what was not yet taken.
    start: usize,
    /// Up to here there is no line end.
    scanned: usize,
    skip_lf: bool,
    seen_line: bool,
    data: String,
    has_data: bool,
}

impl Decoder {
    pub(crate) fn push(&mut self, bytes: &Bytes) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete event.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, SseError> {
        while let Some(line) = self.line()? {
            if line.is_empty() {
                if let Some(event) = self.event(false) {
                    return Ok(Some(event));
                }
            } else {
                self.field(&line)?;
            }
        }
        Ok(None)
    }

    /// What is left when the stream has ended. The standard drops it; endpoints that forget the
    /// last empty line are common.
    pub(crate) fn finish(&mut self) -> Result<Option<Event>, SseError> {
        if self.start < self.buffer.len() {
            let line = String::from_utf8_lossy(&self.buffer[self.start..]).into_owned();
            self.start = self.buffer.len();
            self.scanned = self.start;
            self.field(&line)?;
        }
        Ok(self.event(true))
    }

    fn line(&mut self) -> Result<Option<String>, SseError> {
        if self.skip_lf && self.start < self.buffer.len() {
            self.skip_lf = false;
            if self.buffer[self.start] == b'\n' {
                self.start += 1;
                self.scanned = self.scanned.max(self.start);
            }
        }
        let found = self.buffer[self.scanned..]
            .iter()
            .position(|b| matches!(b, b'\n' | b'\r'));
        let Some(offset) = found else {
            self.scanned = self.buffer.len();
            let waiting = self.scanned - self.start;
            return if waiting > LINE_BYTES {
                Err(SseError::TooLong)
            } else {
                Ok(None)
            };
        };
        let end = self.scanned + offset;
        if end - self.start > LINE_BYTES {
            return Err(SseError::TooLong);
        }
        self.skip_lf = self.buffer[end] == b'\r';
        let line = String::from_utf8_lossy(&self.buffer[self.start..end]).into_owned();
        self.start = end + 1;
        self.scanned = self.start;
        Ok(Some(line))
    }

    fn field(&mut self, line: &str) -> Result<(), SseError> {
        let line = if self.seen_line {
            line
        } else {
            line.trim_start_matches('\u{feff}')
        };
        if !self.seen_line {
            match line.trim_start().bytes().next() {
                Some(b'<') => return Err(SseError::Html),
                Some(b'{') => return Err(SseError::Json),
                _ => self.seen_line = true,
            }
        }
        let Some(value) = line.strip_prefix("data:") else {
            return Ok(());
        };
        let value = value.strip_prefix(' ').unwrap_or(value);
        if self.data.len() + value.len() > LINE_BYTES {
            return Err(SseError::TooLong);
        }
        if self.has_data {
            self.data.push('\n');
        }
        self.data.push_str(value);
        self.has_data = true;
        Ok(())
    }

    fn event(&mut self, cut: bool) -> Option<Event> {
        let had = std::mem::take(&mut self.has_data);
        let data = std::mem::take(&mut self.data);
        had.then_some(Event { data, cut })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(parts: &[&[u8]]) -> Vec<String> {
        let mut decoder = Decoder::default();
        let mut events = vec![];
        for part in parts {
            decoder.push(&Bytes::copy_from_slice(part));
            while let Some(event) = decoder.next().unwrap() {
                events.push(event.data);
            }
        }
        events.extend(decoder.finish().unwrap().map(|event| event.data));
        events
    }

    #[test]
    fn every_split_gives_the_same_events() {
        let text = "\u{feff}: hello\r\ndata: 👩‍👩‍👧 語\r\n\r\nevent: x\rdata:é\rdata: b\r\rdata\nid: 1\n\ndata: last";
        let bytes = text.as_bytes();
        let expected = vec!["👩‍👩‍👧 語", "é\nb", "last"];
        assert_eq!(all(&[bytes]), expected);
        for at in 0..bytes.len() {
            assert_eq!(
                all(&[&bytes[..at], &bytes[at..]]),
                expected,
                "split at {at}"
            );
        }
        let singles: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(all(&singles), expected);
    }

    #[test]
    fn a_line_without_end_is_refused_at_the_limit() {
        let mut decoder = Decoder::default();
        let chunk = Bytes::from(vec![b'x'; 64 * 1_024]);
        let refused_after = (1..100).find(|_| {
            decoder.push(&chunk);
            decoder.next() == Err(SseError::TooLong)
        });
        assert_eq!(refused_after, Some(17));
    }

    #[test]
    fn an_event_of_many_lines_is_bounded_too() {
        let mut decoder = Decoder::default();
        let line = Bytes::from(format!("data: {}\n", "x".repeat(600 * 1_024)));
        decoder.push(&line);
        assert_eq!(decoder.next(), Ok(None));
        decoder.push(&line);
        assert_eq!(decoder.next(), Err(SseError::TooLong));
    }

    #[test]
    fn what_is_no_event_stream_is_recognised_by_its_first_line() {
        for (text, expected) in [
            ("\n <!doctype html>\n", SseError::Html),
            ("{\"a\":1}\n", SseError::Json),
        ] {
            let mut decoder = Decoder::default();
            decoder.push(&Bytes::from_static(text.as_bytes()));
            assert_eq!(decoder.next(), Err(expected));
        }
    }
}
