//! The seed plan's `ConversationManager`.

mod change;
mod create;
mod delete;
mod list;
mod messages;
mod permissions;
mod queued;
mod read;
mod regenerate;
mod revisions;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::Check;
use crate::state::AppState;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(read::read, change::change, delete::delete))
        .routes(routes!(messages::list))
        .routes(routes!(queued::change, queued::delete))
        .routes(routes!(revisions::list))
        .routes(routes!(permissions::list))
        .routes(routes!(permissions::revoke))
        .routes(routes!(regenerate::create))
}

fn check_title(check: &mut Check, title: Option<&str>) {
    if let Some(title) = title {
        check.line("/title", title, domain::limits::TITLE_CHARS);
    }
}
