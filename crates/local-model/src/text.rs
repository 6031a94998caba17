//! Tokens are bytes; text is characters.

/// Holds back the bytes of a character that is not complete yet.
#[derive(Default)]
pub(crate) struct Utf8 {
    held: Vec<u8>,
}

impl Utf8 {
    /// What can be said now. Bytes that never become a character are replaced, and so is NUL, which
    /// PostgreSQL cannot store.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.held) {
                Ok(valid) => {
                    text.push_str(valid);
                    self.held.clear();
                    break;
                }
                Err(error) => {
                    let (valid, rest) = self.held.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    let Some(bad) = error.error_len() else {
                        self.held = rest.to_vec();
                        break;
                    };
                    text.push('\u{fffd}');
                    self.held = rest[bad..].to_vec();
                }
            }
        }
        if text.contains('\0') {
            text.replace('\0', "\u{fffd}")
        } else {
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Utf8;

    #[test]
    fn a_text_in_single_bytes_comes_out_whole() {
        let text = "naïve 語言 👩‍👩‍👧 a\u{308}";
        let mut utf8 = Utf8::default();
        let pieces: Vec<String> = text.bytes().map(|byte| utf8.push(&[byte])).collect();
        assert_eq!(pieces.concat(), text);
        assert!(pieces.iter().all(|piece| !piece.contains('\u{fffd}')));
    }

    #[test]
    fn nonsense_is_replaced_and_an_unfinished_character_held() {
        let mut utf8 = Utf8::default();
        assert_eq!(utf8.push(b"a\xffb\0"), "a\u{fffd}b\u{fffd}");
        assert_eq!(utf8.push(&[0xf0, 0x9f]), "");
        assert_eq!(utf8.push(b"c"), "\u{fffd}c");
    }
}
