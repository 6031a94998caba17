//! One operation: what it takes, and what it answers.

use serde_json::Value;

use super::html::{code, escape, prose, push, row};
use super::schema::{kind, members, paragraph};

pub(super) fn section(html: &mut String, api: &Value, method: &str, path: &str, operation: &Value) {
    let text = |name: &str| operation[name].as_str().unwrap_or_default();
    let (id, summary) = (escape(text("operationId")), prose(text("summary")));
    let (method, path) = (method.to_uppercase(), escape(path));
    push(
        html,
        format_args!("<section id=\"{id}\"><h2><code>{method} {path}</code></h2><p>{summary}</p>"),
    );
    paragraph(html, operation);
    let parameters = operation["parameters"].as_array();
    if let Some(parameters) = parameters.filter(|list| !list.is_empty()) {
        html.push_str("<h3>Parameters</h3><table>");
        for parameter in parameters {
            let text = |name: &str| parameter[name].as_str().unwrap_or_default();
            let (name, place) = (code(text("name")), escape(text("in")));
            let about = prose(text("description"));
            row(html, &[&name, &place, &kind(&parameter["schema"]), &about]);
        }
        html.push_str("</table>");
    }
    for (media, content) in contents(&operation["requestBody"]) {
        let kind = kind(&content["schema"]);
        push(
            html,
            format_args!("<h3>Body: {} ({})</h3>", kind, escape(media)),
        );
        members(html, api, &content["schema"]);
    }
    html.push_str("<h3>Answers</h3><table>");
    for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
        let about = prose(answer["description"].as_str().unwrap_or_default());
        let bodies: Vec<String> = contents(answer)
            .map(|(media, content)| match media {
                "application/json" | "application/problem+json" => kind(&content["schema"]),
                "text/event-stream" => {
                    "<a href=\"#server-frames\">frames</a> (text/event-stream)".to_owned()
                }
                other => escape(other),
            })
            .collect();
        row(html, &[status, &about, &bodies.join(" or ")]);
    }
    html.push_str("</table></section>");
}

fn contents(of: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let contents = of["content"].as_object().into_iter().flatten();
    contents.map(|(media, content)| (media.as_str(), content))
}
