//! The language in which a test tells the scripted model what to answer.
//!
//! A user's message may carry one line `[[script: WORD…]]`. Words are separated by spaces:
//!
//! | word | meaning |
//! |---|---|
//! | `tokens=50` | the answer is `tok0 tok1 … tok49` (default 20) |
//! | `text="…"` | the answer is this JSON string, one chunk per word |
//! | `piece=1` | code points per chunk of `text`, instead of words |
//! | `pad=1000` | each token of `tokens` and `reasoning` has at least so many bytes |
//! | `endless` | after its last token the answer begins again, for ever |
//! | `delay_ms=20` | pause before each token |
//! | `reasoning=5` | so many reasoning tokens (`think0 …`) come first |
//! | `gate=name@5` | token 5 waits until the gate `name` is open |
//! | `title_gate=name` | the title that this conversation is given waits until the gate is open |
//! | `tool=todo_add` | a tool call; several make parallel calls |
//! | `args={…}` | JSON arguments of the last `tool` (default `{}`) |
//! | `before=3` | text tokens before the tool calls of this round |
//! | `then` | what follows belongs to the next model call of the turn |
//! | `repeat` | the last round is played again for ever |
//! | `fault=KIND@5` | see [`Fault`]; without `@` at token 0 |
//! | `times=2` | the fault strikes the first two requests only (default: all) |
//! | `retry_after=1` | header of a status fault |
//! | `split=1` | bytes of the HTTP body per write |
//! | `no_usage`, `no_ids`, `dup_ids`, `no_index`, `ascii` | quirks of real endpoints |
//! | `stubborn` | calls tools that it was not offered |
//!
//! Without `then`, a round with tool calls is followed by one with the text.

use serde_json::Value;

/// What breaks, `at` the token before which it breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `429`, `500`, `529`, …: this status with a JSON error, before anything else.
    Status(u16),
    /// `html@n`: a page inside the stream, then its end; at 0 it comes instead of the protocol.
    Html { at: usize },
    /// `reset@n`: the connection is reset.
    Reset { at: usize },
    /// `end@n`: the stream ends in good order, without finish reason or `[DONE]`.
    End { at: usize },
    /// `error@n`: an error object inside the stream, then its end.
    Error { at: usize },
    /// `malformed@n`: a line that is not JSON, then its end.
    Malformed { at: usize },
    /// `stall@n`: silence with the connection open.
    Stall { at: usize },
    /// `chatter@n`: from here on comments without end, `delay_ms` apart, and never another token.
    Chatter { at: usize },
    /// `trickle@n`: from here on one byte per write, `delay_ms` apart.
    Trickle { at: usize },
    /// `long_line@n`: 50 MB without a line end.
    LongLine { at: usize },
    /// `cut_args`: the arguments of the last call break off with finish reason `length`.
    CutArguments,
}

impl Fault {
    fn parse(text: &str) -> Result<Self, String> {
        let (kind, at) = match text.split_once('@') {
            Some((kind, at)) => (kind, number(at)?),
            None => (text, 0),
        };
        Ok(match kind {
            "html" => Self::Html { at },
            "chatter" => Self::Chatter { at },
            "reset" => Self::Reset { at },
            "end" => Self::End { at },
            "error" => Self::Error { at },
            "malformed" => Self::Malformed { at },
            "stall" => Self::Stall { at },
            "trickle" => Self::Trickle { at },
            "long_line" => Self::LongLine { at },
            "cut_args" => Self::CutArguments,
            status => Self::Status(number(status)?),
        })
    }

    /// The token before which a fault of the stream strikes.
    #[must_use]
    pub fn at(self) -> Option<usize> {
        match self {
            Self::Status(_) | Self::CutArguments => None,
            Self::Html { at }
            | Self::Chatter { at }
            | Self::Reset { at }
            | Self::End { at }
            | Self::Error { at }
            | Self::Malformed { at }
            | Self::Stall { at }
            | Self::Trickle { at }
            | Self::LongLine { at } => Some(at),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct ScriptedCall {
    pub name: String,
    pub arguments: Value,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quirks {
    pub no_usage: bool,
    /// Tool calls carry no id.
    pub no_ids: bool,
    /// All tool calls of an answer carry the same id.
    pub dup_ids: bool,
    /// Tool call chunks carry no index.
    pub no_index: bool,
    /// JSON in ASCII: everything else is escaped, beyond U+FFFF as surrogate pairs.
    pub ascii: bool,
    /// Tools are called although none were offered.
    pub stubborn: bool,
}

/// One model call.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
    /// Pieces of text in the order in which they are sent.
    pub text: Vec<String>,
    pub calls: Vec<ScriptedCall>,
    pub reasoning: usize,
    pub delay_ms: u64,
    /// Token index and name.
    pub gates: Vec<(usize, String)>,
    pub fault: Option<Fault>,
    pub fault_times: Option<u64>,
    pub retry_after: Option<u64>,
    pub split: Option<usize>,
    pub pad: usize,
    pub endless: bool,
    /// For the title of the conversation that this begins.
    pub title_gate: Option<String>,
    pub quirks: Quirks,
}

impl Round {
    /// `token`, as long as this round wants it.
    #[must_use]
    pub fn padded(&self, token: &str) -> String {
        format!(
            "{token}{}",
            ".".repeat(self.pad.saturating_sub(token.len()))
        )
    }
}

impl Default for Round {
    fn default() -> Self {
        Self {
            text: tokens(0, Script::DEFAULT_TOKENS),
            calls: Vec::new(),
            reasoning: 0,
            delay_ms: 0,
            gates: Vec::new(),
            fault: None,
            fault_times: None,
            retry_after: None,
            split: None,
            pad: 0,
            endless: false,
            title_gate: None,
            quirks: Quirks::default(),
        }
    }
}

/// A turn: one round per model call.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// Never empty.
    rounds: Vec<Round>,
    repeat: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            rounds: vec![Round::default()],
            repeat: false,
        }
    }
}

impl Script {
    pub const DEFAULT_TOKENS: usize = 20;

    /// The script inside a message; `None` where there is none.
    pub fn find(message: &str) -> Option<Result<Self, String>> {
        const OPEN: &str = "[[script:";
        let start = message.find(OPEN)? + OPEN.len();
        let rest = &message[start..];
        // The last bracket: arguments may hold brackets of their own.
        let end = rest.rfind("]]").unwrap_or(rest.len());
        Some(Self::parse(&rest[..end]))
    }

    /// The words between `[[script:` and `]]`.
    pub fn parse(words: &str) -> Result<Self, String> {
        Parser::default().run(words)
    }

    /// What the model does in its `call`-th call of the turn, from 0.
    #[must_use]
    pub fn round(&self, call: usize) -> Round {
        let last = self.rounds.len() - 1;
        let mut round = self.rounds[call.min(last)].clone();
        if call > last && !self.repeat {
            round.calls.clear();
        }
        round
    }

    /// The final text, as a user should read it.
    #[must_use]
    pub fn final_text(&self) -> String {
        self.rounds
            .last()
            .map(|round| round.text.concat())
            .unwrap_or_default()
    }
}

/// Tokens `from..to`: `tok0`, ` tok1`, …: a lost, doubled or swapped one shows.
#[must_use]
pub fn tokens(from: usize, to: usize) -> Vec<String> {
    (from..to)
        .map(|i| {
            if i == 0 {
                "tok0".to_owned()
            } else {
                format!(" tok{i}")
            }
        })
        .collect()
}

/// The text of an answer of `n` tokens.
#[must_use]
pub fn scripted_text(n: usize) -> String {
    tokens(0, n).concat()
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("not a number in a script: {text:?}"))
}

#[derive(Default)]
struct Parser {
    done: Vec<Round>,
    round: Round,
    /// Text of the answer, where calls come first.
    answer: Option<Vec<String>>,
    /// Code points per chunk of a text.
    piece: Option<usize>,
    before: usize,
    explicit_then: bool,
    repeat: bool,
}

impl Parser {
    fn run(mut self, words: &str) -> Result<Script, String> {
        let mut rest = words.trim_start();
        while !rest.is_empty() {
            let end = rest
                .find(|c: char| c.is_whitespace() || c == '=')
                .unwrap_or(rest.len());
            let (word, tail) = rest.split_at(end);
            rest = match tail.strip_prefix('=') {
                Some(value) => self.assignment(word, value)?,
                None => {
                    self.flag(word)?;
                    tail
                }
            }
            .trim_start();
        }
        let explicit_then = self.explicit_then;
        let answer = self.answer.clone();
        let follow_up = Round {
            text: answer.unwrap_or_else(|| tokens(0, Script::DEFAULT_TOKENS)),
            delay_ms: self.round.delay_ms,
            quirks: self.round.quirks,
            ..Round::default()
        };
        let calls = !self.round.calls.is_empty();
        self.close();
        if calls && !explicit_then && !self.repeat {
            self.done.push(follow_up);
        }
        Ok(Script {
            rounds: self.done,
            repeat: self.repeat,
        })
    }

    /// Takes the value of a word and answers what follows it.
    fn assignment<'a>(&mut self, word: &str, value: &'a str) -> Result<&'a str, String> {
        if word == "args" || word == "text" {
            let (json, rest) = json_prefix(value)?;
            match (word, json) {
                ("args", json) => {
                    let call = self.round.calls.last_mut().ok_or("args before any tool")?;
                    call.arguments = json;
                }
                (_, Value::String(text)) => {
                    self.answer = Some(pieces(&text, self.piece));
                }
                (_, other) => return Err(format!("text is not a JSON string: {other}")),
            }
            return Ok(rest);
        }
        let end = value.find(char::is_whitespace).unwrap_or(value.len());
        let (text, rest) = value.split_at(end);
        match word {
            "tokens" => self.answer = Some(tokens(0, number(text)?)),
            "delay_ms" => self.round.delay_ms = number(text)?,
            "reasoning" => self.round.reasoning = number(text)?,
            "before" => self.before = number(text)?,
            "piece" => {
                let size = number::<usize>(text)?.max(1);
                self.piece = Some(size);
                let said = self.answer.take().map(|answer| answer.concat());
                self.answer = said.map(|text| pieces(&text, Some(size)));
            }
            "pad" => self.round.pad = number(text)?,
            "split" => self.round.split = Some(number::<usize>(text)?.max(1)),
            "title_gate" => self.round.title_gate = Some(text.to_owned()),
            "times" => self.round.fault_times = Some(number(text)?),
            "retry_after" => self.round.retry_after = Some(number(text)?),
            "fault" => self.round.fault = Some(Fault::parse(text)?),
            "tool" => self.round.calls.push(ScriptedCall {
                name: text.to_owned(),
                arguments: serde_json::json!({}),
            }),
            "gate" => {
                let (name, at) = text.split_once('@').ok_or("a gate is name@token")?;
                self.round.gates.push((number(at)?, name.to_owned()));
            }
            other => return Err(format!("unknown word in a script: {other}=")),
        }
        Ok(rest)
    }

    fn flag(&mut self, word: &str) -> Result<(), String> {
        match word {
            "then" => {
                self.close();
                self.explicit_then = true;
            }
            "repeat" => self.repeat = true,
            "no_usage" => self.round.quirks.no_usage = true,
            "no_ids" => self.round.quirks.no_ids = true,
            "dup_ids" => self.round.quirks.dup_ids = true,
            "no_index" => self.round.quirks.no_index = true,
            "ascii" => self.round.quirks.ascii = true,
            "stubborn" => self.round.quirks.stubborn = true,
            "endless" => self.round.endless = true,
            other => return Err(format!("unknown word in a script: {other}")),
        }
        Ok(())
    }

    fn close(&mut self) {
        let mut round = std::mem::take(&mut self.round);
        round.text = if round.calls.is_empty() {
            self.answer
                .take()
                .unwrap_or_else(|| tokens(0, Script::DEFAULT_TOKENS))
        } else {
            tokens(0, self.before)
        };
        self.answer = None;
        self.piece = None;
        self.before = 0;
        if round.pad > 0 {
            round.text = round.text.iter().map(|token| round.padded(token)).collect();
        }
        self.done.push(round);
    }
}

/// A text in words, or in so many code points each.
fn pieces(text: &str, size: Option<usize>) -> Vec<String> {
    match size {
        None => text.split_inclusive(' ').map(str::to_owned).collect(),
        Some(size) => {
            let letters: Vec<char> = text.chars().collect();
            letters.chunks(size).map(String::from_iter).collect()
        }
    }
}

/// Splits a JSON value off the front.
fn json_prefix(text: &str) -> Result<(Value, &str), String> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => Ok((value, &text[values.byte_offset()..])),
        Some(Err(error)) => Err(format!("JSON in a script: {error}")),
        None => Err("JSON missing in a script".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_without_a_script_has_none() {
        assert!(Script::find("hello [[world]]").is_none());
    }

    #[test]
    fn words_become_a_round() {
        let script = Script::find(
            "please [[script: tokens=3 delay_ms=20 gate=a@1 fault=reset@2 times=1 no_usage]] now",
        )
        .unwrap()
        .unwrap();
        assert_eq!(
            script.round(0),
            Round {
                text: vec!["tok0".into(), " tok1".into(), " tok2".into()],
                delay_ms: 20,
                gates: vec![(1, "a".into())],
                fault: Some(Fault::Reset { at: 2 }),
                fault_times: Some(1),
                quirks: Quirks {
                    no_usage: true,
                    ..Quirks::default()
                },
                ..Round::default()
            }
        );
    }

    #[test]
    fn calls_come_first_and_the_text_follows() {
        let script =
            Script::parse(r#"tool=todo_add args={"title":"a ]] b"} tool=clock tokens=2"#).unwrap();
        assert_eq!(
            script.round(0).calls,
            vec![
                ScriptedCall {
                    name: "todo_add".into(),
                    arguments: json!({"title": "a ]] b"})
                },
                ScriptedCall {
                    name: "clock".into(),
                    arguments: json!({})
                },
            ]
        );
        assert_eq!(script.round(0).text, Vec::<String>::new());
        assert_eq!(script.round(1).calls, vec![]);
        assert_eq!(script.round(1).text.concat(), "tok0 tok1");
        assert_eq!(script.final_text(), "tok0 tok1");
    }

    #[test]
    fn then_separates_rounds() {
        let script = Script::parse(r#"before=1 tool=a then tool=b then text="fin. " "#).unwrap();
        assert_eq!(script.round(0).text.concat(), "tok0");
        assert_eq!(script.round(0).calls[0].name, "a");
        assert_eq!(script.round(1).calls[0].name, "b");
        assert_eq!(script.round(2).text.concat(), "fin. ");
        assert_eq!(script.round(9).text.concat(), "fin. ");
    }

    #[test]
    fn repeat_never_ends() {
        let script = Script::parse("tool=a repeat").unwrap();
        assert_eq!(script.round(40).calls.len(), 1);
    }

    #[test]
    fn a_text_comes_in_words_or_code_points() {
        let pieces = |words: &str| Script::parse(words).unwrap().round(0).text;
        assert_eq!(pieces(r#"text="a b""#), ["a ", "b"]);
        assert_eq!(pieces(r#"piece=2 text="aé👩‍👧""#), ["aé", "👩\u{200d}", "👧"]);
        assert_eq!(pieces(r#"text="abc" piece=2"#), ["ab", "c"]);
        assert_eq!(pieces("tokens=2 pad=6"), ["tok0..", " tok1."]);
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "tokens=x",
            "fault=what",
            "gate=a",
            "args={}",
            "hello",
            "tool=a args={",
        ] {
            assert!(Script::parse(bad).is_err(), "{bad}");
        }
    }
}
