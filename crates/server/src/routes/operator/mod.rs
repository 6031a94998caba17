//! For operators and programs: whether the server lives, how it does, what it offers.

pub(super) mod docs;
mod health;
mod metrics;
mod ready;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(health::read))
        .routes(routes!(ready::read))
        .routes(routes!(metrics::read))
}
