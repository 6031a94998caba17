//! `/docs` and `/openapi.json`: the API's documentation, rendered here and loading nothing from
//! elsewhere.

mod frames;
mod html;
mod operation;
mod schema;

use std::sync::LazyLock;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde_json::Value;

use self::html::{code, prose, row};
use crate::state::AppState;
use crate::{error, openapi};

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
         <a href=\"/openapi.json\">openapi.json</a> as well. \
         <a href=\"#server-frames\">Frames</a> · <a href=\"#objects\">Objects</a> · \
         <a href=\"#errors\">Error codes</a></p>",
    );
    for (path, item) in api["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            operation::section(&mut html, api, method, path, operation);
        }
    }
    frames::tables(&mut html);
    schema::objects(&mut html, api);
    html.push_str("<h2 id=\"errors\">Error codes</h2><table>");
    for (name, meaning) in error::CODES {
        row(&mut html, &[&code(name), &prose(meaning)]);
    }
    html.push_str("</table></main></html>");
    html
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::html::escape;
    use super::*;

    #[test]
    fn the_page_lists_every_operation_and_runs_nothing() {
        let html = render(&openapi::openapi());
        for operation in crate::operations::OPERATIONS {
            assert!(html.contains(&escape(operation.path)), "{}", operation.path);
        }
        assert!(!html.contains("<script") && !html.contains("style=") && !html.contains("http:"));
    }

    #[test]
    fn every_member_of_every_object_is_shown_and_every_link_leads_somewhere() {
        let api = openapi::openapi();
        let html = render(&api);
        let pieces = |start: &str| -> BTreeSet<String> {
            let parts = html.split(start).skip(1);
            parts
                .map(|part| part.split('"').next().unwrap().to_owned())
                .collect()
        };
        let ids = pieces("id=\"");
        for link in pieces("href=\"#") {
            assert!(ids.contains(&link), "#{link}");
        }
        for (name, schema) in api["components"]["schemas"].as_object().unwrap() {
            let start = html.find(&format!("<section id=\"{name}\">")).unwrap();
            let object = html[start..].split("</section>").next().unwrap();
            for member in schema["properties"].as_object().into_iter().flatten() {
                assert!(object.contains(&code(member.0)), "{name}.{}", member.0);
            }
        }
    }

    #[test]
    fn an_operation_shows_its_body_and_what_it_answers() {
        let html = render(&openapi::openapi());
        let start = html.find("<section id=\"send_message\">").unwrap();
        let send = html[start..].split("</section>").next().unwrap();
        for shown in [
            "<code>client_message_id</code>",
            "string (uuid) or null",
            "href=\"#SendAccepted\"",
            "href=\"#Problem\"",
        ] {
            assert!(send.contains(shown), "{shown}: {send}");
        }
    }
}
