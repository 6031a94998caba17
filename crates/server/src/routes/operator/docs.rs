//! `/docs` and `/openapi.json`: the API's documentation, rendered here and loading nothing from
//! elsewhere.

use std::fmt::Write;
use std::sync::LazyLock;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde_json::Value;

use crate::state::AppState;
use crate::{error, openapi, ws};

const STYLE: &str = include_str!("docs.css");

pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/docs", get(page))
        .route("/docs.css", get(style))
        .route("/openapi.json", get(document))
}

async fn document() -> Response {
    static JSON: LazyLock<String> = LazyLock::new(openapi::openapi_json);
    ([(CONTENT_TYPE, "application/json")], JSON.as_str()).into_response()
}

async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

async fn page() -> Html<&'static str> {
    static PAGE: LazyLock<String> = LazyLock::new(|| render(&openapi::openapi()));
    Html(PAGE.as_str())
}

fn render(api: &Value) -> String {
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>Rejoinder API</title><link rel=\"stylesheet\" href=\"/docs.css\"><main>\
         <h1>Rejoinder API</h1><p>Everything here is in \
         <a href=\"/openapi.json\">openapi.json</a> as well.</p>",
    );
    let empty = serde_json::Map::new();
    for (path, item) in api["paths"].as_object().unwrap_or(&empty) {
        for (method, operation) in item.as_object().unwrap_or(&empty) {
            section(&mut html, method, path, operation);
        }
    }
    html.push_str("<h2>Error codes</h2><table>");
    for (code, meaning) in error::CODES {
        row(&mut html, &[code, meaning]);
    }
    html.push_str("</table><h2>Frames to the WebSocket</h2><table>");
    row(&mut html, &["type", "data", "what it does"]);
    for (kind, data, meaning) in ws::CLIENT_FRAMES {
        row(&mut html, &[kind, data, meaning]);
    }
    html.push_str("</table><h2>Close codes of the WebSocket</h2><table>");
    row(&mut html, &["code", "meaning", "may resume"]);
    for (code, meaning, resume) in ws::close::CODES {
        row(&mut html, &[&code.to_string(), meaning, resume]);
    }
    html.push_str("</table></main></html>");
    html
}

fn section(html: &mut String, method: &str, path: &str, operation: &Value) {
    let summary = operation["summary"].as_str().unwrap_or_default();
    let id = operation["operationId"].as_str().unwrap_or_default();
    // Writing to a string can't fail.
    let _ = write!(
        html,
        "<section id=\"{}\"><h2><code>{} {}</code></h2><p>{}</p>",
        escape(id),
        method.to_uppercase(),
        escape(path),
        escape(summary)
    );
    if let Some(text) = operation["description"].as_str() {
        let _ = write!(html, "<p>{}</p>", escape(text));
    }
    let parameters = operation["parameters"].as_array();
    if let Some(parameters) = parameters.filter(|list| !list.is_empty()) {
        html.push_str("<h3>Parameters</h3><table>");
        for parameter in parameters {
            let text = |name: &str| parameter[name].as_str().unwrap_or_default();
            row(html, &[text("name"), text("in"), text("description")]);
        }
        html.push_str("</table>");
    }
    html.push_str("<h3>Answers</h3><table>");
    for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
        row(
            html,
            &[status, answer["description"].as_str().unwrap_or_default()],
        );
    }
    html.push_str("</table></section>");
}

fn row(html: &mut String, cells: &[&str]) {
    html.push_str("<tr>");
    for cell in cells {
        let _ = write!(html, "<td>{}</td>", escape(cell));
    }
    html.push_str("</tr>");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_lists_every_operation_and_runs_nothing() {
        let html = render(&openapi::openapi());
        for operation in crate::operations::OPERATIONS {
            assert!(html.contains(&escape(operation.path)), "{}", operation.path);
        }
        assert!(!html.contains("<script") && !html.contains("style=") && !html.contains("http:"));
    }
}
