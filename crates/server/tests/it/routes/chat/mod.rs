mod approvals;
mod conversations;
mod messages;
mod runs;
mod sync;
mod ws;
