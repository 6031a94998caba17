//! Both databases have the same schema, and every statement fits both.

use std::collections::BTreeSet;

use sqlx::{
    Connection, Either, Executor, PgConnection, Row, SqlSafeStr, SqliteConnection, Statement,
};

use crate::support::TestDb;

async fn sqlite_columns(connection: &mut SqliteConnection) -> BTreeSet<String> {
    let rows = sqlx::query(
        "SELECT t.name, c.name, c.\"notnull\" OR c.pk > 0 FROM sqlite_schema t \
         JOIN pragma_table_info(t.name) c WHERE t.type = 'table' \
         AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE '\\_%' ESCAPE '\\'",
    )
    .fetch_all(connection)
    .await
    .unwrap();
    rows.iter()
        .map(|row| {
            let (table, column): (String, String) = (row.get(0), row.get(1));
            format!("{table}.{column} required={}", row.get::<bool, _>(2))
        })
        .collect()
}

async fn postgres_columns(connection: &mut PgConnection) -> BTreeSet<String> {
    let rows = sqlx::query(
        "SELECT table_name::TEXT, column_name::TEXT, is_nullable = 'NO' \
         FROM information_schema.columns WHERE table_schema = 'public' \
         AND left(table_name, 1) <> '_'",
    )
    .fetch_all(connection)
    .await
    .unwrap();
    rows.iter()
        .map(|row| {
            let (table, column): (String, String) = (row.get(0), row.get(1));
            format!("{table}.{column} required={}", row.get::<bool, _>(2))
        })
        .collect()
}

#[tokio::test]
async fn both_schemas_are_the_same() {
    let sqlite = TestDb::sqlite().await;
    let Some(postgres) = TestDb::postgres().await else {
        return;
    };
    let mut a = SqliteConnection::connect(&sqlite.url).await.unwrap();
    let mut b = PgConnection::connect(&postgres.url).await.unwrap();
    let columns = sqlite_columns(&mut a).await;
    assert!(columns.len() > 100, "{columns:?}");
    assert_eq!(columns, postgres_columns(&mut b).await);
    a.close().await.unwrap();
    b.close().await.unwrap();
    sqlite.end().await;
    postgres.end().await;
}

fn highest_parameter(sql: &str) -> usize {
    sql.split('$')
        .skip(1)
        .filter_map(|rest| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        })
        .max()
        .unwrap_or(0)
}

#[tokio::test]
async fn every_statement_fits_both() {
    let sqlite = TestDb::sqlite().await;
    let mut a = SqliteConnection::connect(&sqlite.url).await.unwrap();
    let mut columns = Vec::new();
    for (name, sql) in store::statements() {
        let statement = (&mut a).prepare(sql.sqlite.into_sql_str()).await;
        let statement = statement.unwrap_or_else(|error| panic!("{name}: {error}\n{}", sql.sqlite));
        assert_eq!(
            highest_parameter(sql.sqlite),
            highest_parameter(sql.postgres),
            "{name}"
        );
        let names: Vec<String> = statement
            .columns()
            .iter()
            .map(|c| sqlx::Column::name(c).to_owned())
            .collect();
        columns.push(names);
    }
    if let Some(postgres) = TestDb::postgres().await {
        let mut b = PgConnection::connect(&postgres.url).await.unwrap();
        for ((name, sql), columns) in store::statements().into_iter().zip(columns) {
            let statement = (&mut b).prepare(sql.postgres.into_sql_str()).await;
            let statement =
                statement.unwrap_or_else(|error| panic!("{name}: {error}\n{}", sql.postgres));
            let parameters = match statement.parameters() {
                Some(Either::Left(types)) => types.len(),
                Some(Either::Right(count)) => count,
                None => 0,
            };
            assert_eq!(highest_parameter(sql.postgres), parameters, "{name}");
            let names: Vec<String> = statement
                .columns()
                .iter()
                .map(|c| sqlx::Column::name(c).to_owned())
                .collect();
            assert_eq!(names, columns, "{name}");
        }
        b.close().await.unwrap();
        postgres.end().await;
    }
    a.close().await.unwrap();
    sqlite.end().await;
}
