//! What happens to every request, outermost first: [`observe`] gives it its id, writes problems,
//! headers, log and metrics; panics become problems; then the routes.

mod framing;
mod headers;
mod observe;
mod panic;

pub(crate) use observe::observe;
pub(crate) use panic::panicked;
