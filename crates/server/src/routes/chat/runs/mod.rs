//! Runs: one turn of the agent each.

mod cancel;
mod events;
mod read;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(read::read))
        .routes(routes!(cancel::create))
        .routes(routes!(events::read))
}
