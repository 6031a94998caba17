mod approvals;
mod calls;
mod conversations;
mod keys;
mod messages;
mod runs;
mod sync;
mod ws;
