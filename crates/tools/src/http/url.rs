//! The URL of a tool: arguments fill places in its path and query, and nothing else.

use reqwest::Url;
use serde_json::Value;

/// A URL with places: `https://crm.example.org/customers/{id}?fields={fields}`.
#[derive(Debug, Clone)]
pub(crate) struct UrlTemplate {
    parts: Vec<Part>,
    /// With a word in every place: scheme, host and port that every call must have.
    sample: Url,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Place { name: String, in_query: bool },
}

impl UrlTemplate {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let parts = parts(text)?;
        let sample = write(&parts, |_, _| Ok("x".to_owned()))?;
        let sample = Url::parse(&sample).map_err(|error| format!("it is no URL: {error}"))?;
        if !["http", "https"].contains(&sample.scheme()) {
            return Err("it must begin with https:// or http://".to_owned());
        }
        if !sample.username().is_empty() || sample.password().is_some() {
            return Err("a user and password belong into a header, with {env:NAME}".to_owned());
        }
        if sample.fragment().is_some() {
            return Err("a fragment (#…) is never sent".to_owned());
        }
        Ok(Self { parts, sample })
    }

    /// Names of the places in the path: these must have a value.
    pub(crate) fn in_path(&self) -> impl Iterator<Item = &str> {
        self.places(false)
    }

    pub(crate) fn in_query(&self) -> impl Iterator<Item = &str> {
        self.places(true)
    }

    fn places(&self, query: bool) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(move |part| match part {
            Part::Place { name, in_query } if *in_query == query => Some(name.as_str()),
            _ => None,
        })
    }

    /// The URL of a call. Errors go to the model.
    pub(crate) fn fill(&self, arguments: &Value) -> Result<Url, String> {
        let text = write(&self.parts, |name, in_query| {
            let value = match arguments.get(name) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(value @ (Value::Bool(_) | Value::Number(_))) => value.to_string(),
                Some(Value::Array(_) | Value::Object(_)) => {
                    return Err(format!(
                        "`{name}` must be a text, a number or true or false."
                    ));
                }
            };
            // Nothing in a path would name the collection instead of its member.
            if value.is_empty() && !in_query {
                return Err(format!("`{name}` is missing: it is part of the address."));
            }
            Ok(encoded(&value))
        })?;
        let path = text.split('?').next().unwrap_or_default();
        if path.split('/').any(is_dots) {
            return Err("An argument leads out of its place in the address.".to_owned());
        }
        let url = Url::parse(&text).map_err(|error| format!("The address is wrong: {error}."))?;
        let origin = |url: &Url| {
            let host = url.host_str().map(str::to_owned);
            (url.scheme().to_owned(), host, url.port_or_known_default())
        };
        let same = origin(&url) == origin(&self.sample)
            && url.username().is_empty()
            && url.password().is_none()
            && url.path().matches('/').count() == self.sample.path().matches('/').count();
        if !same {
            return Err("An argument leads out of its place in the address.".to_owned());
        }
        Ok(url)
    }
}

fn parts(text: &str) -> Result<Vec<Part>, String> {
    // A URL parser drops white space and turns backslashes round (WHATWG URL, 4.4).
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err("it must not hold white space or backslashes".to_owned());
    }
    let after_scheme = text
        .find("://")
        .map(|at| at + 3)
        .ok_or("it must begin with https:// or http://")?;
    let host = text[after_scheme..]
        .find(['/', '?', '#'])
        .map_or(text.len(), |at| after_scheme + at);
    if host == after_scheme {
        return Err("it has no host".to_owned());
    }
    if text[..host].contains(['{', '}']) {
        return Err("a {place} may be in the path or the query only".to_owned());
    }
    let query = text.find('?').unwrap_or(text.len());
    if text[..query].split('/').any(is_dots) {
        return Err("it must not hold the path segments `.` or `..`".to_owned());
    }
    let (mut parts, mut at) = (Vec::new(), 0);
    while let Some(open) = text[at..].find('{').map(|open| at + open) {
        let close = text[open..]
            .find('}')
            .map(|close| open + close)
            .ok_or("a `{` has no `}`")?;
        let name = &text[open + 1..close];
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || !name.chars().all(plain) {
            return Err(format!(
                "`{{{name}}}` is no name of an argument (secrets belong into headers)"
            ));
        }
        parts.push(Part::Literal(text[at..open].to_owned()));
        parts.push(Part::Place {
            name: name.to_owned(),
            in_query: open > query,
        });
        at = close + 1;
    }
    parts.push(Part::Literal(text[at..].to_owned()));
    Ok(parts)
}

fn write(
    parts: &[Part],
    value: impl Fn(&str, bool) -> Result<String, String>,
) -> Result<String, String> {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Literal(literal) => text.push_str(literal),
            Part::Place { name, in_query } => text.push_str(&value(name, *in_query)?),
        }
    }
    Ok(text)
}

/// `.` and `..` in every spelling that a URL parser takes for them (WHATWG URL, 4.1).
fn is_dots(segment: &str) -> bool {
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    plain == "." || plain == ".."
}

/// Everything but the unreserved characters of RFC 3986, 2.3.
fn encoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::UrlTemplate;

    const TEMPLATE: &str = "https://crm.example.org:8443/c/{id}/notes-{n}?q={q}";

    #[test]
    fn arguments_are_encoded_into_their_places() {
        let template = UrlTemplate::parse(TEMPLATE).unwrap();
        let url = template
            .fill(&json!({"id": "a/b?c#d", "n": 5, "q": "x&y=1 ü"}))
            .unwrap();
        assert_eq!(
            url.as_str(),
            "https://crm.example.org:8443/c/a%2Fb%3Fc%23d/notes-5?q=x%26y%3D1%20%C3%BC"
        );
        let url = template.fill(&json!({"id": true, "n": 1.5})).unwrap();
        assert_eq!(
            url.as_str(),
            "https://crm.example.org:8443/c/true/notes-1.5?q="
        );
    }

    #[test]
    fn no_argument_leads_elsewhere() {
        let bare = UrlTemplate::parse("http://127.0.0.1:9/{id}").unwrap();
        for hostile in [
            "@evil.example",
            "//evil.example/",
            "\\\\evil.example",
            "https://evil.example",
            ":80",
            "a\r\nHost: evil.example",
            "\t//evil.example",
            "%2e%2e/x",
            "{env:SECRET}",
            "?x",
            "#x",
            "\0",
            "..;",
        ] {
            let url = bare.fill(&json!({ "id": hostile })).unwrap();
            assert_eq!(url.host_str(), Some("127.0.0.1"), "{hostile}");
            assert_eq!(url.port(), Some(9), "{hostile}");
            assert_eq!(url.path().matches('/').count(), 1, "{hostile}: {url}");
            assert_eq!((url.query(), url.fragment()), (None, None), "{hostile}");
        }
        for refused in [
            json!({"id": ".."}),
            json!({"id": "."}),
            json!({"id": ""}),
            json!({"id": null}),
            json!({"id": ["a"]}),
            json!({}),
        ] {
            assert!(bare.fill(&refused).is_err(), "{refused}");
        }
        let two = UrlTemplate::parse("http://h/{a}{b}/x").unwrap();
        assert!(two.fill(&json!({"a": ".", "b": "."})).is_err());
    }

    #[test]
    fn templates_that_can_not_be_right_are_refused() {
        for bad in [
            "crm.example.org/x",
            "ftp://h/{id}",
            "https://{host}/x",
            "https://h:{port}/x",
            "https://u:p@h/x",
            "https://h/{a",
            "https://h/{}",
            "https://h/{env:KEY}",
            "https://h/a/../{id}",
            "https://h/a#{id}",
            "https:///x{id}?",
            "{url}",
            "https:/\\h/{id}",
            "https://\t/h{id}",
        ] {
            assert!(UrlTemplate::parse(bad).is_err(), "{bad}");
        }
        let template = UrlTemplate::parse("http://[::1]:5/{a}?b={b}&c={b}").unwrap();
        assert_eq!(template.in_path().collect::<Vec<_>>(), ["a"]);
        assert_eq!(template.in_query().collect::<Vec<_>>(), ["b", "b"]);
    }
}
