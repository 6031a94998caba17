//! What a database says of its own tables, to be compared.

use sqlx::Connection;

use super::Kept;
use crate::database::Kind;

const OF_SQLITE: &str = "
    SELECT type || ' ' || name || ': ' || sql FROM sqlite_schema
    WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_stat%' ESCAPE '\\'
    UNION ALL
    SELECT 'migration ' || version || ': ' || hex(checksum) FROM _sqlx_migrations
    ORDER BY 1";
const OF_POSTGRES: &str = "
    SELECT 'column ' || table_name || '.' || column_name || ': ' || data_type || ' '
      || is_nullable || ' ' || is_identity || ' ' || COALESCE(column_default, '')
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ': ' || pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'migration ' || version || ': ' || encode(checksum, 'hex') FROM _sqlx_migrations
    ORDER BY 1";

impl Kept {
    /// Tables, columns, indexes, constraints, and the migrations that made them; a line each.
    pub async fn schema(&self) -> Vec<String> {
        match self.kind {
            Kind::Sqlite => {
                let mut db = self.sqlite(true).await;
                let lines = sqlx::query_scalar(OF_SQLITE)
                    .fetch_all(&mut db)
                    .await
                    .unwrap();
                db.close().await.unwrap();
                lines
            }
            Kind::Postgres => {
                let mut db = self.postgres().await;
                let lines = sqlx::query_scalar(OF_POSTGRES)
                    .fetch_all(&mut db)
                    .await
                    .unwrap();
                db.close().await.unwrap();
                lines
            }
        }
    }
}
