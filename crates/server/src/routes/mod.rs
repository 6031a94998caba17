//! Every route, by resource and verb.

mod admin;
mod auth;
mod chat;
mod meta;
mod models;
mod operator;
mod todos;
mod tools;

pub use auth::check_account;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Problem;
use crate::limits::BODY_BYTES;
use crate::state::AppState;
use crate::{middleware, openapi, page};

/// All routes with their documentation; the page, headers and problems are added by [`router`].
pub(crate) fn documented() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::Base::openapi())
        .merge(auth::routes())
        .merge(admin::routes())
        .merge(chat::routes())
        .merge(todos::routes())
        .routes(routes!(meta::read))
        .routes(routes!(models::list))
        .routes(routes!(tools::list))
        .merge(operator::routes())
}

/// The whole server.
pub fn router(state: AppState) -> Router {
    let (routes, _) = documented().split_for_parts();
    let routes = if state.config.docs {
        routes.merge(operator::docs::routes())
    } else {
        routes
    };
    routes
        .fallback(fallback)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(CatchPanicLayer::custom(middleware::panicked))
        .layer(axum::middleware::from_fn_with_state(
            state.clone(),
            middleware::observe,
        ))
        .with_state(state)
}

async fn fallback(uri: Uri, request: axum::extract::Request) -> Response {
    if page::is_page_path(uri.path()) {
        page::serve(request.method(), uri.path(), request.headers())
    } else {
        Problem::not_found().into_response()
    }
}
