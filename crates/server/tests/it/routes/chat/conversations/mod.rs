mod change;
mod list;
mod messages;
