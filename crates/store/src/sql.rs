//! Statements: every one is a named constant with a text for each database.

/// One statement. The two texts differ only where the dialects do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sql {
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

/// Builds a [`Sql`] from pieces: a literal (or a macro that expands to one) is common to both;
/// `either("…", "…")` is SQLite's text and Postgres's; `lock` and `skip_locked` are row locks, which
/// SQLite's single writer does not need; `ints("$1")` and `uuids("$1")` are sets from a parameter
/// made of a vector; `json_rows("$1")` is the rows of a JSON array of objects.
macro_rules! sql {
    (@ [$($l:tt)*] [$($p:tt)*]) => {
        $crate::sql::Sql { sqlite: concat!($($l)*), postgres: concat!($($p)*) }
    };
    (@ [$($l:tt)*] [$($p:tt)*] lock of $alias:ident $($rest:tt)*) => {
        $crate::sql::sql!(@ [$($l)*] [$($p)* " FOR UPDATE OF ", stringify!($alias),] $($rest)*)
    };
    (@ [$($l:tt)*] [$($p:tt)*] lock $($rest:tt)*) => {
        $crate::sql::sql!(@ [$($l)*] [$($p)* " FOR UPDATE",] $($rest)*)
    };
    (@ [$($l:tt)*] [$($p:tt)*] skip_locked $($rest:tt)*) => {
        $crate::sql::sql!(@ [$($l)*] [$($p)* " FOR UPDATE SKIP LOCKED",] $($rest)*)
    };
    (@ [$($l:tt)*] [$($p:tt)*] ints($n:literal) $($rest:tt)*) => {
        $crate::sql::sql!(@ [$($l)* "(SELECT value FROM json_each(", $n, "))",]
            [$($p)* "(SELECT unnest(", $n, "::BIGINT[]))",] $($rest)*)
    };
    (@ [$($l:tt)*] [$($p:tt)*] uuids($n:literal) $($rest:tt)*) => {
        $crate::sql::sql!(@ [$($l)* "(SELECT unhex(value) FROM json_each(", $n, "))",]
            [$($p)* "(SELECT unnest(", $n, "::UUID[]))",] $($rest)*)
    };
    (@ [$($l:tt)*] [$($p:tt)*] either($a:literal, $b:literal) $($rest:tt)*) => {
        $crate::sql::sql!(@ [$($l)* $a,] [$($p)* $b,] $($rest)*)
    };
    (@ [$($l:tt)*] [$($p:tt)*] $s:literal $($rest:tt)*) => {
        $crate::sql::sql!(@ [$($l)* $s,] [$($p)* $s,] $($rest)*)
    };
    (@ [$($l:tt)*] [$($p:tt)*] $m:ident!() $($rest:tt)*) => {
        $crate::sql::sql!(@ [$($l)* $m!(),] [$($p)* $m!(),] $($rest)*)
    };
}
pub(crate) use sql;

/// Declares the statements of a file and lists them in `STATEMENTS`, for the test that prepares all.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident { $($piece:tt)+ })+) => {
        $($(#[$doc])* const $name: $crate::sql::Sql = $crate::sql::sql!(@ [] [] $($piece)+);)+
        pub(crate) const STATEMENTS: &[(&str, $crate::sql::Sql)] = &[$((stringify!($name), $name)),+];
    };
}
pub(crate) use statements;
