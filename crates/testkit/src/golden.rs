//! Golden pages: what the server really says on the wire, as committed Markdown in `docs/wire`. A
//! page that is not what it was fails its test; `scripts/gen.sh` writes it again.
//!
//! Ids and cursors are numbered by appearance, secrets are left out: everything else is as it was
//! said, on whichever database.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use reqwest::{Method, Response};
use serde_json::Value;

use crate::Client;
use crate::process::setting;

/// Headers that are part of the contract.
const HEADERS: &[&str] = &[
    "allow",
    "content-type",
    "link",
    "preference-applied",
    "retry-after",
    "set-cookie",
    "www-authenticate",
    "x-cursor",
    "x-request-id",
];
/// Free-form objects: PostgreSQL keeps the members of `jsonb` in an order of its own.
const FREE: &[&str] = &[
    "additional_data",
    "arguments",
    "focus_areas",
    "last_tool_result",
    "result",
];
const SECRETS: &[&str] = &["access_token", "refresh_token", "ticket", "token"];

/// Where the pages are.
#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/wire"))
}

/// One page that is being written.
pub struct Page {
    name: String,
    text: String,
    ids: HashMap<String, usize>,
    cursors: HashMap<String, usize>,
    hidden: Vec<(String, String)>,
    /// Every request that is on the page: its method and path below `/api/v1`.
    pub calls: Vec<(Method, String)>,
}

impl Page {
    #[must_use]
    pub fn new(name: &str, title: &str) -> Self {
        let text = format!(
            "<!-- Made by `make gen` out of what the server says; crates/testkit/tests/it/wire. -->\n\n# {title}\n"
        );
        Self {
            name: name.to_owned(),
            text,
            ids: HashMap::new(),
            cursors: HashMap::new(),
            hidden: Vec::new(),
            calls: Vec::new(),
        }
    }

    /// Shows this where that was said, such as the address of a server of the test's own.
    pub fn show_as(&mut self, that: &str, this: &str) {
        self.hidden.push((that.to_owned(), this.to_owned()));
    }

    pub fn section(&mut self, title: &str) {
        let _ = write!(self.text, "\n## {title}\n");
    }

    pub fn say(&mut self, words: &str) {
        let _ = write!(self.text, "\n{words}\n");
    }

    /// A whole object.
    pub fn json(&mut self, value: &Value) {
        let mut value = value.clone();
        self.shorten(&mut value);
        let text = serde_json::to_string_pretty(&value).unwrap();
        self.block("json", &text);
    }

    pub fn block(&mut self, language: &str, text: &str) {
        let _ = write!(self.text, "\n```{language}\n{}\n```\n", text.trim_end());
    }

    /// Makes a request and writes down both sides. Answers the body.
    pub async fn call(
        &mut self,
        client: &Client,
        method: Method,
        path: &str,
        body: Value,
    ) -> Value {
        self.call_with(client, method, path, &[], body).await
    }

    /// As [`Page::call`], with headers.
    pub async fn call_with(
        &mut self,
        client: &Client,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Value {
        let _ = write!(self.text, "\n### {method} {path}\n");
        self.calls.push((method.clone(), path.to_owned()));
        for (name, value) in headers {
            let _ = write!(self.text, "\n`{name}: {value}`\n");
        }
        let mut request = client.request(method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_null() {
            self.json(&body);
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        self.head(&response);
        let text = response.text().await.unwrap();
        let Ok(value) = serde_json::from_str::<Value>(&text) else {
            if !text.is_empty() {
                self.stream(&text);
            }
            return Value::Null;
        };
        self.json(&value);
        value
    }

    fn head(&mut self, response: &Response) {
        let mut head = format!("{}\n", response.status());
        for name in HEADERS {
            for value in response.headers().get_all(*name) {
                let mut value = value.to_str().unwrap().to_owned();
                match *name {
                    "x-cursor" => value = self.cursor(&value),
                    "retry-after" => "<seconds>".clone_into(&mut value),
                    "set-cookie" => {
                        let (cookie, rest) = value.split_once(';').unwrap();
                        let (cookie, _) = cookie.split_once('=').unwrap();
                        value = format!("{cookie}=…;{rest}");
                    }
                    _ => {}
                }
                let _ = writeln!(head, "{name}: {value}");
            }
        }
        self.block("http", &head);
    }

    /// Server-sent events, as they came but for comments, of which a slow machine sees more.
    pub fn stream(&mut self, text: &str) {
        let mut shown = String::new();
        let events = text
            .split_inclusive("\n\n")
            .filter(|event| !event.starts_with(':'));
        for line in events.flat_map(str::lines) {
            let line = match line.split_once(": ") {
                Some(("id", cursor)) => format!("id: {}", self.cursor(cursor)),
                Some(("data", json)) => match serde_json::from_str(json) {
                    Ok(mut value) => {
                        self.shorten(&mut value);
                        format!("data: {value}")
                    }
                    Err(_) => line.to_owned(),
                },
                _ => line.to_owned(),
            };
            let _ = writeln!(shown, "{line}");
        }
        self.block("text", &shown);
    }

    fn cursor(&mut self, cursor: &str) -> String {
        let next = self.cursors.len() + 1;
        format!(
            "cursor-{}",
            self.cursors.entry(cursor.to_owned()).or_insert(next)
        )
    }

    fn shorten(&mut self, value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    if FREE.contains(&name.as_str()) {
                        member.sort_all_objects();
                    }
                    match member {
                        Value::String(text) if name == "cursor" => *text = self.cursor(text),
                        Value::String(text) if SECRETS.contains(&name.as_str()) => {
                            *text = format!("<{name}>");
                        }
                        // Drawn by lot, so that clients do not all come back at once.
                        other if name == "retry_after_ms" => *other = "<milliseconds>".into(),
                        other => self.shorten(other),
                    }
                }
            }
            Value::Array(members) => members.iter_mut().for_each(|member| self.shorten(member)),
            _ => {}
        }
    }

    /// UUIDs by appearance, so that the same page comes out of every run.
    fn numbered(&mut self) -> String {
        let mut rest = self.text.as_str();
        let mut text = String::with_capacity(rest.len());
        while let Some(letter) = rest.chars().next() {
            match rest.get(..36).filter(|id| is_uuid(id)) {
                Some(id) => {
                    let next = self.ids.len() + 1;
                    let number = self.ids.entry(id.to_owned()).or_insert(next);
                    let _ = write!(text, "00000000-0000-7000-8000-{number:012}");
                    rest = &rest[36..];
                }
                None => {
                    text.push(letter);
                    rest = &rest[letter.len_utf8()..];
                }
            }
        }
        for (that, this) in &self.hidden {
            text = text.replace(that, this);
        }
        text
    }

    /// Compares with the committed page.
    ///
    /// # Panics
    /// Where it is another, or missing. With `REJOINDER_GOLDEN=write` it is written instead.
    pub fn check(mut self) {
        let text = self.numbered();
        let path = folder().join(&self.name);
        if setting("REJOINDER_GOLDEN").as_deref() == Some("write") {
            std::fs::create_dir_all(folder()).unwrap();
            std::fs::write(path, text).unwrap();
            return;
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        let line = kept.lines().zip(text.lines()).position(|(a, b)| a != b);
        let line = line.unwrap_or_else(|| kept.lines().count().min(text.lines().count()));
        let around = |text: &str| -> String {
            let lines = text.lines().skip(line.saturating_sub(6)).take(12);
            lines.map(|line| format!("    {line}\n")).collect()
        };
        assert!(
            kept == text,
            "docs/wire/{} is not what the server says (`make gen` writes it again). From line {}\n  \
             kept:\n{}  said:\n{}",
            self.name,
            line + 1,
            around(&kept),
            around(&text),
        );
    }
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_changes_with_every_run_is_numbered() {
        let mut page = Page::new("x.md", "X");
        let id = "018f0000-0000-7000-8000-0000000000aa";
        page.show_as("127.0.0.1:4711", "example.org");
        page.json(
            &json!({ "cursor": "1-ff", "data": { "cursor": "1-10", "id": id, "token": "t" } }),
        );
        page.say(&format!("Again {id} at 127.0.0.1:4711 é"));
        page.stream("id: 1-ff\nevent: x\ndata: {\"cursor\":\"1-ff\"}\n\n");
        let text = page.numbered();
        for part in [
            "\"cursor\": \"cursor-1\"",
            "\"cursor\": \"cursor-2\"",
            "\"token\": \"<token>\"",
            "Again 00000000-0000-7000-8000-000000000001 at example.org é",
            "id: cursor-1\nevent: x\ndata: {\"cursor\":\"cursor-1\"}",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
