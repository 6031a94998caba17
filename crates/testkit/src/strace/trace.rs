//! What `strace -f` wrote, call by call, in the order in which it saw them.

use std::collections::HashMap;

/// One call. `begun` and `ended` are places in the one order of all threads: what a call did had
/// happened at `ended`, and not before `begun`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub thread: u32,
    pub name: String,
    /// As strace shows them; a descriptor is followed by what it stands for: `12</data/x.db-wal>`.
    pub arguments: String,
    /// As strace shows it: `0`, `-1 EIO (Input/output error) (INJECTED)`. Empty where the process
    /// ended before the call did.
    pub result: String,
    pub begun: usize,
    pub ended: usize,
}

impl Call {
    #[must_use]
    pub fn injected(&self) -> bool {
        self.result.ends_with("(INJECTED)")
    }

    #[must_use]
    pub fn succeeded(&self) -> bool {
        !self.result.is_empty() && !self.result.starts_with("-1")
    }

    /// Whether the first argument is a descriptor of a file with this end of its path.
    #[must_use]
    pub fn of_file(&self, end: &str) -> bool {
        let first = self.arguments.split(", ").next().unwrap_or_default();
        first.ends_with(&format!("{end}>"))
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// In the order in which they ended.
    pub calls: Vec<Call>,
    pub lines: usize,
    /// The last line tells of the end of the process.
    pub ended: bool,
}

impl Trace {
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut trace = Self::default();
        let mut open: HashMap<(u32, String), Call> = HashMap::new();
        for (place, line) in text.lines().enumerate() {
            trace.lines = place + 1;
            let Some((thread, rest)) = line.split_once(' ') else {
                continue;
            };
            let (Ok(thread), rest) = (thread.parse::<u32>(), rest.trim_start()) else {
                continue;
            };
            trace.ended = rest.starts_with("+++");
            if let Some(resumed) = rest.strip_prefix("<... ") {
                let Some((name, tail)) = resumed.split_once(" resumed>") else {
                    continue;
                };
                if let Some(mut call) = open.remove(&(thread, name.to_owned())) {
                    let (arguments, result) = split_result(tail);
                    call.arguments.push_str(arguments);
                    result.clone_into(&mut call.result);
                    call.ended = place;
                    trace.calls.push(call);
                }
                continue;
            }
            let Some((name, tail)) = rest.split_once('(') else {
                continue;
            };
            if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                continue;
            }
            let unfinished = tail.strip_suffix(" <unfinished ...>");
            let (arguments, result) = match unfinished {
                Some(arguments) => (arguments, ""),
                None => split_result(tail),
            };
            let call = Call {
                thread,
                name: name.to_owned(),
                arguments: arguments.to_owned(),
                result: result.to_owned(),
                begun: place,
                ended: place,
            };
            if unfinished.is_some() {
                open.insert((thread, name.to_owned()), call);
            } else {
                trace.calls.push(call);
            }
        }
        trace
    }

    /// Calls that were made to fail.
    #[must_use]
    pub fn injected(&self) -> Vec<&Call> {
        self.calls.iter().filter(|call| call.injected()).collect()
    }
}

/// Buffers may hold anything, a result comes last.
fn split_result(tail: &str) -> (&str, &str) {
    tail.rsplit_once(") = ").unwrap_or((tail, ""))
}

#[cfg(test)]
mod tests {
    use super::Trace;

    const TEXT: &str = r#"41  recvfrom(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, "POST ) = 7", 8192, 0, NULL, NULL) = 11
43  fsync(13</d/rejoinder.db-wal> <unfinished ...>
41  pwrite64(12</d/rejoinder.db>, "x", 1, 0) = -1 EIO (Input/output error) (INJECTED)
43  <... fsync resumed>) = 0
41  fsync(13</d/rejoinder.db-wal> <unfinished ...>
43  +++ exited with 0 +++
41  +++ killed by SIGKILL +++"#;

    #[test]
    fn calls_of_several_threads_are_put_together_in_their_order() {
        let trace = Trace::parse(TEXT);
        let seen: Vec<_> = trace
            .calls
            .iter()
            .map(|c| (c.thread, c.name.as_str(), c.begun, c.ended, c.succeeded()))
            .collect();
        assert_eq!(
            seen,
            [
                (41, "recvfrom", 0, 0, true),
                (41, "pwrite64", 2, 2, false),
                (43, "fsync", 1, 3, true)
            ]
        );
        assert!(trace.calls[0].arguments.contains("POST ) = 7"));
        assert!(trace.calls[2].of_file("rejoinder.db-wal"));
        assert!(!trace.calls[1].of_file("rejoinder.db-wal"));
        assert_eq!(trace.injected(), [&trace.calls[1]]);
        assert!(trace.ended);
    }

    #[test]
    fn a_trace_that_is_still_written_has_no_end() {
        let cut = TEXT
            .rsplit_once('\n')
            .unwrap()
            .0
            .rsplit_once('\n')
            .unwrap()
            .0;
        assert!(!Trace::parse(cut).ended);
    }
}
