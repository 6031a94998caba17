//! Sabotage of the ownership in the query: statements that ask for a row by its id only.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use domain::sabotage::{Mechanism, sabotaged};

use crate::sql::Sql;

/// Statements are constants; what is made of them lives as long as the process, like them.
static UNOWNED: LazyLock<Mutex<HashMap<&'static str, &'static str>>> =
    LazyLock::new(Mutex::default);

/// The statement as it is, or without its owner.
pub(crate) fn statement(sql: Sql) -> Sql {
    if !sabotaged(Mechanism::Ownership) {
        return sql;
    }
    Sql {
        sqlite: known(sql.sqlite),
        postgres: known(sql.postgres),
    }
}

fn known(sql: &'static str) -> &'static str {
    let mut unowned = UNOWNED.lock().unwrap_or_else(PoisonError::into_inner);
    unowned
        .entry(sql)
        .or_insert_with(|| Box::leak(without_owner(sql).into_boxed_str()))
}

/// `… AND m.user_id = $2` no longer compares. What is looked up by its user first (a feed, a list)
/// stays: there the user is the key.
fn without_owner(sql: &str) -> String {
    let mut out = String::new();
    let mut rest = sql;
    while let Some(at) = rest.find("user_id = $") {
        let (before, from) = rest.split_at(at);
        let end = from
            .char_indices()
            .skip("user_id = $".len())
            .find(|(_, c)| !c.is_ascii_digit())
            .map_or(from.len(), |(i, _)| i);
        let parameter = &from["user_id = ".len()..end];
        let condition = before.trim_end_matches(|c: char| c.is_ascii_lowercase() || c == '.');
        if condition.ends_with("AND ") {
            out.push_str(condition);
            out.push_str(&format!("CAST({parameter} AS BIGINT) IS NOT NULL"));
        } else {
            out.push_str(before);
            out.push_str(&from[..end]);
        }
        rest = &from[end..];
    }
    out.push_str(rest);
    out
}
