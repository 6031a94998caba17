//! What PostgreSQL does before each statement that writes to one of our tables, whatever it writes.

use crate::database::Database;

const EACH_TABLE: &str = "DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('CREATE TRIGGER every_write BEFORE INSERT OR UPDATE OR DELETE ON %I
            FOR EACH STATEMENT EXECUTE FUNCTION every_write()', name);
    END LOOP; END $$";

/// Nothing yet. Before the server starts: a trigger waits for everybody who writes.
pub async fn install(database: &Database) {
    does(database, "").await;
    database.execute(EACH_TABLE).await;
}

/// From now on this, in PL/pgSQL, such as `RAISE disk_full;`. Waits for nobody.
pub async fn does(database: &Database, what: &str) {
    let sql = format!(
        "CREATE OR REPLACE FUNCTION every_write() RETURNS trigger LANGUAGE plpgsql
         AS $$ BEGIN {what} RETURN NULL; END $$"
    );
    database.execute(&sql).await;
}
