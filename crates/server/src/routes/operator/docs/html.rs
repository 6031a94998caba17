//! Pieces of HTML. Everything that is put in is escaped here.

use std::fmt::Write;

/// Text with the `code` of Markdown, the only mark that the API's descriptions use.
pub(super) fn prose(text: &str) -> String {
    let mut html = String::new();
    for (number, piece) in text.split('`').enumerate() {
        // Between the first and the second backtick, the third and the fourth, …
        if number % 2 == 1 {
            push(&mut html, format_args!("<code>{}</code>", escape(piece)));
        } else {
            html.push_str(&escape(piece));
        }
    }
    html
}

/// A row of a table, of cells that are HTML already.
pub(super) fn row(html: &mut String, cells: &[&str]) {
    html.push_str("<tr>");
    for cell in cells {
        push(html, format_args!("<td>{cell}</td>"));
    }
    html.push_str("</tr>");
}

pub(super) fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

pub(super) fn push(html: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string can't fail.
    let _ = html.write_fmt(text);
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(
            prose("a `b<c>` & `d`"),
            "a <code>b&lt;c&gt;</code> &amp; <code>d</code>"
        );
    }
}
