//! What a database's columns hold, whatever they are: the list is the database's own.

use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use crate::Database;

const OF_SQLITE: &str = "
    SELECT t.name || '.' || c.name || ' ' || c.type
    FROM sqlite_schema t JOIN pragma_table_info(t.name) c
    WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE '\\_%' ESCAPE '\\'
    ORDER BY 1";
const OF_POSTGRES: &str = "
    SELECT table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name NOT LIKE '\\_%' ORDER BY 1";
const NUMBERS: [&str; 4] = ["INTEGER", "REAL", "bigint", "boolean"];

impl Database {
    async fn ask(&self, sql: String) -> Vec<String> {
        let sql = AssertSqlSafe(sql);
        match self {
            Self::Sqlite { url } => {
                let options = SqliteConnectOptions::from_str(url).unwrap();
                let options = options.busy_timeout(Duration::from_secs(10));
                let mut db: SqliteConnection = options.connect().await.unwrap();
                let rows = sqlx::query_scalar(sql).fetch_all(&mut db).await.unwrap();
                db.close().await.unwrap();
                rows
            }
            Self::Postgres { url } => {
                let mut db = PgConnection::connect(url).await.unwrap();
                let rows = sqlx::query_scalar(sql).fetch_all(&mut db).await.unwrap();
                db.close().await.unwrap();
                rows
            }
        }
    }

    /// `table.column` and its type, of all tables.
    async fn columns(&self) -> Vec<(String, String)> {
        let sql = match self {
            Self::Sqlite { .. } => OF_SQLITE,
            Self::Postgres { .. } => OF_POSTGRES,
        };
        let lines = self.ask(sql.to_owned()).await;
        let split = |line: &String| {
            line.split_once(' ')
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
        };
        lines.iter().filter_map(split).collect()
    }

    /// `table.column` of everything that holds more than numbers.
    pub async fn texts_columns(&self) -> Vec<String> {
        let columns = self.columns().await.into_iter();
        let texts = columns.filter(|(_, kind)| !NUMBERS.contains(&kind.as_str()));
        texts.map(|(column, _)| column).collect()
    }

    /// Which of these columns hold one of the words.
    pub async fn columns_with(&self, columns: &[String], words: &[String]) -> Vec<String> {
        let found = |column: &String| {
            let (table, name) = column.split_once('.').unwrap();
            let has = words.iter().map(|word| match self {
                Self::Sqlite { .. } => format!("instr(CAST({name} AS TEXT), '{word}') > 0"),
                Self::Postgres { .. } => format!("strpos(CAST({name} AS TEXT), '{word}') > 0"),
            });
            let has: Vec<String> = has.collect();
            let has = has.join(" OR ");
            format!("SELECT '{column}' WHERE EXISTS (SELECT 1 FROM {table} WHERE {has})")
        };
        self.any(columns.iter().map(found)).await
    }

    /// Which of these columns hold anything.
    pub async fn columns_used(&self, columns: &[String]) -> Vec<String> {
        let used = |column: &String| {
            let (table, name) = column.split_once('.').unwrap();
            format!(
                "SELECT '{column}' WHERE EXISTS (SELECT 1 FROM {table} WHERE {name} IS NOT NULL)"
            )
        };
        self.any(columns.iter().map(used)).await
    }

    /// Tables with rows of this account.
    pub async fn tables_of(&self, user: i64) -> Vec<String> {
        let columns = self.columns().await;
        let owned = columns
            .iter()
            .filter_map(|(column, _)| column.strip_suffix(".user_id"));
        let some = |(table, name): (&str, &str)| {
            format!("SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table} WHERE {name} = {user})")
        };
        let tables = owned
            .map(|table| (table, "user_id"))
            .chain([("users", "id")]);
        self.any(tables.map(some)).await
    }

    async fn any(&self, selects: impl Iterator<Item = String>) -> Vec<String> {
        let selects: Vec<String> = selects.collect();
        if selects.is_empty() {
            return Vec::new();
        }
        self.ask(selects.join(" UNION ALL ")).await
    }
}
