//! Whether PostgreSQL synced its log in time: backends, log and server in the one order of a trace.

use std::collections::HashMap;

use testkit::strace::{Call, Trace};

pub const SENT: &[&str] = &["write", "writev", "sendto", "sendmsg"];
pub const RECEIVED: &[&str] = &["read", "readv", "recvfrom", "recvmsg"];

/// From BEGIN to COMMIT, as its backend saw it.
pub struct Transaction<'a> {
    read: Vec<&'a Call>,
    /// The last it was told.
    told: &'a Call,
    /// It said that it has committed.
    said: &'a Call,
}

/// What a trace says of PostgreSQL's log and of those who talk.
pub struct Looked<'a> {
    pub transactions: Vec<Transaction<'a>>,
    /// Of the log: its writes, and its syncs.
    writes: Vec<&'a Call>,
    pub syncs: Vec<&'a Call>,
    /// What is nobody's talk with the database.
    outside: Vec<&'a Call>,
}

impl<'a> Looked<'a> {
    /// `port` is PostgreSQL's.
    #[must_use]
    pub fn at(trace: &'a Trace, port: u16) -> Self {
        let mut looked = Self {
            transactions: Vec::new(),
            writes: Vec::new(),
            syncs: Vec::new(),
            outside: Vec::new(),
        };
        let backend = format!(":{port}->");
        let client = format!(":{port}]");
        let mut open: HashMap<u32, Vec<&Call>> = HashMap::new();
        for call in trace.calls.iter().filter(|call| call.succeeded()) {
            let socket = call.arguments.split(", ").next().unwrap_or_default();
            let name = call.name.as_str();
            if socket.contains("/pg_wal/") {
                match name {
                    "pwrite64" | "pwritev" => looked.writes.push(call),
                    "fsync" | "fdatasync" => looked.syncs.push(call),
                    _ => {}
                }
            } else if !socket.contains(&backend) {
                if !socket.contains(&client) {
                    looked.outside.push(call);
                }
            } else if RECEIVED.contains(&name) {
                open.entry(call.thread).or_default().push(call);
            } else if call.arguments.contains(r"BEGIN\0") {
                open.remove(&call.thread);
            } else if call.arguments.contains(r"COMMIT\0") {
                let read = open.remove(&call.thread).unwrap_or_default();
                if let Some(told) = read.last().copied() {
                    let said = call;
                    let done = Transaction { read, told, said };
                    looked.transactions.push(done);
                }
            }
        }
        looked
    }

    /// Looks for the steps of one message.
    ///
    /// # Errors
    /// Which step is not there, or not in its place.
    pub fn durable(&self, key: &str, by_socket: bool) -> Result<(), String> {
        let has = |call: &&&Call| call.arguments.contains(key);
        let first = |names: &[&str], what: &str| {
            let of = self.outside.iter().filter(has);
            let found = of.filter(|call| names.contains(&call.name.as_str()));
            let first = found.min_by_key(|call| call.begun).copied();
            first.ok_or(format!("{key}: {what} is not in the trace"))
        };
        let stored = self
            .transactions
            .iter()
            .filter(|done| done.read.iter().any(|call| call.arguments.contains(key)))
            .min_by_key(|done| done.said.begun)
            .ok_or(format!("{key}: its transaction is not in the trace"))?;
        // Bytes on their way out, whether to the client or to the model.
        let answer = first(SENT, "the answer")?;
        if !by_socket && first(RECEIVED, "the request")?.ended > stored.told.begun {
            return Err(format!("{key}: stored before it was asked"));
        }
        if answer.begun < stored.said.begun {
            return Err(format!("{key}: answered before it was stored"));
        }
        // The record of the commit is made when it is asked for, so it is in a write that begins then,
        // whoever writes.
        let synced = self.writes.iter().any(|write| {
            write.begun > stored.told.ended
                && self
                    .syncs
                    .iter()
                    .any(|sync| sync.begun > write.ended && sync.ended < stored.said.begun)
        });
        if synced {
            Ok(())
        } else {
            let (told, said) = (stored.told.ended, stored.said.begun);
            Err(format!("{key}: between {told} and {said} no sync"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_too_late_or_of_another_file_is_noticed() {
        let line = |n: usize| match n {
            0 => r#"7 recvfrom(9<TCP:[h:80->h:1]>, "KEY", 10, 0, NULL, NULL) = 3"#,
            1 => r#"8 sendto(5<TCP:[h:54->h:2]>, "BEGIN\0Z", 7, 0, NULL, 0) = 7"#,
            2 => r#"8 recvfrom(5<TCP:[h:54->h:2]>, "KEY", 10, 0, NULL, NULL) = 3"#,
            3 => r#"8 recvfrom(5<TCP:[h:54->h:2]>, "commit", 10, 0, NULL, NULL) = 3"#,
            4 => r#"8 pwrite64(6</d/pg_wal/0001>, "log", 3, 0) = 3"#,
            5 => "8 fdatasync(6</d/pg_wal/0001>) = 0",
            6 => r#"8 sendto(5<TCP:[h:54->h:2]>, "COMMIT\0Z", 7, 0, NULL, 0) = 7"#,
            7 => r#"7 sendto(9<TCP:[h:80->h:1]>, "202 KEY", 7, 0, NULL, 0) = 7"#,
            8 => "8 fdatasync(6</d/base/1/2>) = 0",
            _ => "8 fdatasync(6</d/pg_wal/0001>) = -1 EIO (Input/output error)",
        };
        let verdict = |order: &[usize]| {
            let text: Vec<&str> = order.iter().map(|n| line(*n)).collect();
            let trace = Trace::parse(&text.join("\n"));
            Looked::at(&trace, 54).durable("KEY", false)
        };
        assert_eq!(verdict(&[0, 1, 2, 3, 4, 5, 6, 7]), Ok(()));
        for wrong in [
            [0, 1, 2, 3, 4, 6, 5, 7],
            [0, 1, 2, 3, 4, 6, 7, 5],
            [0, 1, 2, 3, 5, 4, 6, 7],
            [0, 1, 2, 4, 5, 3, 6, 7],
            [0, 1, 2, 3, 4, 8, 6, 7],
            [0, 1, 2, 3, 4, 9, 6, 7],
            [0, 1, 2, 3, 4, 5, 7, 6],
            [1, 2, 3, 4, 5, 6, 0, 7],
            [0, 2, 3, 1, 4, 5, 6, 7],
        ] {
            assert!(verdict(&wrong).is_err(), "{wrong:?}");
        }
    }
}
