//! The seed plan's `ChatService`: conversations, messages, runs, approvals, the live feed.

mod approvals;
mod calls;
mod conversations;
mod runs;
mod send;
mod sync;
mod ws;
mod ws_ticket;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(send::create))
        .merge(conversations::routes())
        .merge(runs::routes())
        .routes(routes!(approvals::list))
        .routes(routes!(approvals::decide))
        .routes(routes!(calls::list))
        .routes(routes!(calls::read, calls::decide))
        .routes(routes!(sync::read))
        .routes(routes!(ws::connect))
        .routes(routes!(ws_ticket::create))
}
