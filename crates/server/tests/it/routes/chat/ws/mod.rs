mod auth;
mod frames;
mod limits;
mod resume;
mod watch;
