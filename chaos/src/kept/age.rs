//! A dump is as old as its file; what it says about keys, logins and runs depends on the time.

use sqlx::Connection;

use super::Kept;
use crate::database::Kind;

const OF_SQLITE: &str = "
    SELECT 'UPDATE ' || t.name || ' SET ' || group_concat(c.name || ' = ' || c.name || ' + DELTA', ', ')
    FROM sqlite_schema t JOIN pragma_table_info(t.name) c
    WHERE t.type = 'table' AND t.name NOT LIKE '\\_%' ESCAPE '\\'
      AND (c.name LIKE '%\\_at' ESCAPE '\\' OR c.name IN ('timestamp', 'lease_until'))
    GROUP BY t.name";
const OF_POSTGRES: &str = "
    SELECT 'UPDATE ' || table_name || ' SET '
      || string_agg(column_name || ' = ' || column_name || ' + DELTA', ', ')
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name NOT LIKE '\\_%'
      AND (column_name LIKE '%\\_at' OR column_name IN ('timestamp', 'lease_until'))
    GROUP BY table_name";
const LAST: &str = "SELECT MAX(updated_at) FROM conversation_states";
const NOW_OF_SQLITE: &str = "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)";
const NOW_OF_POSTGRES: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";

impl Kept {
    /// Moves all times so that the last conversation was used so many milliseconds ago.
    pub(super) async fn move_times(&self, ago: i64) {
        let (updates, delta): (Vec<String>, i64) = match self.kind {
            Kind::Sqlite => {
                let mut db = self.sqlite(true).await;
                let updates = sqlx::query_scalar(OF_SQLITE)
                    .fetch_all(&mut db)
                    .await
                    .unwrap();
                let last: i64 = sqlx::query_scalar(LAST).fetch_one(&mut db).await.unwrap();
                let now: i64 = sqlx::query_scalar(NOW_OF_SQLITE)
                    .fetch_one(&mut db)
                    .await
                    .unwrap();
                db.close().await.unwrap();
                (updates, now - last - ago)
            }
            Kind::Postgres => {
                let mut db = self.postgres().await;
                let updates = sqlx::query_scalar(OF_POSTGRES)
                    .fetch_all(&mut db)
                    .await
                    .unwrap();
                let last: i64 = sqlx::query_scalar(LAST).fetch_one(&mut db).await.unwrap();
                let now = sqlx::query_scalar(NOW_OF_POSTGRES);
                let now: i64 = now.fetch_one(&mut db).await.unwrap();
                db.close().await.unwrap();
                (updates, now - last - ago)
            }
        };
        assert!(updates.len() > 10, "{updates:?}");
        self.database
            .execute(&updates.join(";\n").replace("DELTA", &format!("({delta})")))
            .await;
    }
}
