mod admin;
mod auth;
mod chat;
mod meta;
mod models;
mod operator;
mod todos;
