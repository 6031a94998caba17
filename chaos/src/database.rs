//! The raw database beside the server: what no API can hide.

use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use testkit::TestDatabase;

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// A new one.
    ///
    /// # Panics
    /// Where PostgreSQL is wanted and `REJOINDER_TEST_POSTGRES_URL` names none.
    pub async fn fresh(self) -> TestDatabase {
        match self {
            Self::Sqlite => TestDatabase::sqlite(),
            Self::Postgres => TestDatabase::postgres().await.expect(
                "REJOINDER_TEST_POSTGRES_URL: the address that `scripts/postgres.sh start FOLDER` prints",
            ),
        }
    }
}

/// The one of a server.
pub enum Database {
    Sqlite { url: String },
    Postgres { url: String },
}

impl Database {
    /// The database of a server with this data directory.
    pub fn of(database: &TestDatabase, data_dir: &Path) -> Self {
        let url = database.url(data_dir);
        if database.is_sqlite() {
            Self::Sqlite { url }
        } else {
            Self::Postgres { url }
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "sqlite",
            Self::Postgres { .. } => "postgres",
        }
    }

    pub fn url(&self) -> &str {
        match self {
            Self::Sqlite { url } | Self::Postgres { url } => url,
        }
    }

    /// Texts of the first column.
    async fn texts(&self, sqlite: &'static str, postgres: &'static str) -> Vec<String> {
        match self {
            Self::Sqlite { url } => {
                let options = SqliteConnectOptions::from_str(url)
                    .unwrap()
                    .busy_timeout(Duration::from_secs(10));
                let mut db: SqliteConnection = options.connect().await.unwrap();
                let rows = sqlx::query_scalar(sqlite).fetch_all(&mut db).await.unwrap();
                db.close().await.unwrap();
                rows
            }
            Self::Postgres { url } => {
                let mut db = sqlx::PgConnection::connect(url).await.unwrap();
                let rows = sqlx::query_scalar(postgres)
                    .fetch_all(&mut db)
                    .await
                    .unwrap();
                db.close().await.unwrap();
                rows
            }
        }
    }

    /// Runs statements of one's own: both databases understand them, or they are meant for one.
    pub async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite { url } => {
                let options = SqliteConnectOptions::from_str(url).unwrap();
                let options = options.busy_timeout(Duration::from_secs(10));
                let mut db: SqliteConnection = options.connect().await.unwrap();
                sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
                db.close().await.unwrap();
            }
            Self::Postgres { url } => {
                let mut db = sqlx::PgConnection::connect(url).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
                db.close().await.unwrap();
            }
        }
    }

    /// From now on the database refuses an act on a table, such as `INSERT`, where `when` holds, and
    /// the whole transaction with it. Nobody but a defect of ours writes what it refuses.
    pub async fn refuse(&self, act: &str, table: &str, when: &str) {
        let name = format!("refuse_{table}");
        let of = if act == "UPDATE" {
            "UPDATE OF state"
        } else {
            act
        };
        let when = if when.is_empty() { "TRUE" } else { when };
        let sql = match self {
            Self::Sqlite { .. } => format!(
                "CREATE TRIGGER {name} BEFORE {of} ON {table} WHEN {when}
                 BEGIN SELECT RAISE(ABORT, 'refused by a test'); END"
            ),
            Self::Postgres { .. } => format!(
                "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
                 AS $$ BEGIN RAISE EXCEPTION 'refused by a test'; END $$;
                 CREATE TRIGGER {name} BEFORE {of} ON {table} FOR EACH ROW WHEN ({when})
                 EXECUTE FUNCTION refuse()"
            ),
        };
        self.execute(&sql).await;
    }

    /// Takes [`Database::refuse`] back.
    pub async fn allow(&self, table: &str) {
        let on = match self {
            Self::Sqlite { .. } => String::new(),
            Self::Postgres { .. } => format!(" ON {table}"),
        };
        self.execute(&format!("DROP TRIGGER refuse_{table}{on}"))
            .await;
    }

    async fn open_runs(&self) -> Vec<String> {
        const SQLITE: &str = "SELECT hex(run_id) FROM runs
            WHERE state NOT IN ('completed', 'failed', 'cancelled')";
        const POSTGRES: &str = "SELECT run_id::text FROM runs
            WHERE state NOT IN ('completed', 'failed', 'cancelled')";
        self.texts(SQLITE, POSTGRES).await
    }

    /// The runs that are open, each with its fence: whoever takes one over raises it.
    pub async fn fences(&self) -> Vec<String> {
        const SQLITE: &str = "SELECT hex(run_id) || ' ' || fence FROM runs
            WHERE state NOT IN ('completed', 'failed', 'cancelled')";
        const POSTGRES: &str = "SELECT run_id::text || ' ' || fence FROM runs
            WHERE state NOT IN ('completed', 'failed', 'cancelled')";
        self.texts(SQLITE, POSTGRES).await
    }

    /// Waits until the runs that are open now are over; newer ones don't count. Answers how long it
    /// took.
    ///
    /// # Errors
    /// Which are still open after `limit`.
    pub async fn runs_end(&self, limit: Duration) -> Result<Duration, String> {
        let started = Instant::now();
        let mut left = self.open_runs().await;
        while !left.is_empty() {
            if started.elapsed() > limit {
                return Err(format!("runs still open after {limit:?}: {left:?}"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            let open = self.open_runs().await;
            left.retain(|run| open.contains(run));
        }
        Ok(started.elapsed())
    }

    /// Delta rows that have not been swept.
    pub async fn deltas(&self) -> usize {
        const SQL: &str = "SELECT kind FROM events WHERE kind = 'delta'";
        self.texts(SQL, SQL).await.len()
    }

    /// Rows of all feeds.
    pub async fn events(&self) -> usize {
        const SQL: &str = "SELECT kind FROM events";
        self.texts(SQL, SQL).await.len()
    }

    /// `status count` of all runs, such as `completed 812`.
    pub async fn run_states(&self) -> Vec<String> {
        const SQL: &str = "SELECT state || ' ' || COUNT(*) FROM runs GROUP BY state ORDER BY state";
        self.texts(SQL, SQL).await
    }

    /// Every message, as a JSON object: see [`crate::history::Row`].
    pub async fn messages(&self) -> Vec<String> {
        const SQLITE: &str = "
            SELECT json_object('id', m.id, 'account', u.email, 'key', m.client_message_id,
                'status', m.status, 'content', m.content)
            FROM conversation_messages m JOIN users u ON u.id = m.user_id ORDER BY m.id";
        const POSTGRES: &str = "
            SELECT json_build_object('id', m.id, 'account', u.email, 'key', m.client_message_id,
                'status', m.status, 'content', m.content)::text
            FROM conversation_messages m JOIN users u ON u.id = m.user_id ORDER BY m.id";
        self.texts(SQLITE, POSTGRES).await
    }

    /// The ledger's entries of this tool, each as a JSON object with `state` and `arguments`.
    pub async fn calls(&self, tool: &'static str) -> Vec<String> {
        const SQLITE: &str = "SELECT tool_name || ' ' || json_object('state', state, 'arguments',
                json(arguments)) FROM tool_ledger ORDER BY created_at";
        const POSTGRES: &str = "SELECT tool_name || ' ' || json_build_object('state', state,
                'arguments', arguments)::text FROM tool_ledger ORDER BY created_at";
        let all = self.texts(SQLITE, POSTGRES).await;
        let of_tool = all.iter().filter_map(|row| row.split_once(' '));
        of_tool
            .filter(|(name, _)| *name == tool)
            .map(|(_, call)| call.to_owned())
            .collect()
    }

    /// Messages that two others follow. Only a new answer to the same question makes such.
    pub async fn forks(&self) -> Vec<String> {
        const SQL: &str = "SELECT 'after message ' || parent_id FROM conversation_messages
            WHERE parent_id IS NOT NULL GROUP BY parent_id HAVING COUNT(*) > 1
            UNION ALL
            SELECT 'two begin: ' || MIN(id) FROM conversation_messages
            WHERE parent_id IS NULL GROUP BY conversation_id HAVING COUNT(*) > 1";
        self.texts(SQL, SQL).await
    }

    /// Runs whose end does not fit their messages, keys that were stored twice, events with the same
    /// number: must be empty.
    pub async fn contradictions(&self) -> Vec<String> {
        const SQLITE: &str = "
            SELECT 'key twice: ' || client_message_id FROM conversation_messages
              WHERE client_message_id IS NOT NULL
              GROUP BY user_id, client_message_id HAVING COUNT(*) > 1
            UNION ALL
            SELECT 'open message of an ended run: ' || m.id FROM conversation_messages m
              JOIN runs r ON r.run_id = m.run_id
              WHERE r.state IN ('completed', 'failed', 'cancelled')
                AND m.status IN ('queued', 'streaming', 'awaiting_approval')
            UNION ALL
            SELECT 'message answered by two runs: ' || user_message_id FROM runs
              GROUP BY user_message_id HAVING COUNT(*) > 1
            UNION ALL
            SELECT 'open tool call of an ended run: ' || hex(l.call_id) FROM tool_ledger l
              JOIN runs r ON r.run_id = l.run_id
              WHERE r.state IN ('completed', 'failed', 'cancelled') AND l.state = 'intended'";
        const POSTGRES: &str = "
            SELECT 'key twice: ' || client_message_id FROM conversation_messages
              WHERE client_message_id IS NOT NULL
              GROUP BY user_id, client_message_id HAVING COUNT(*) > 1
            UNION ALL
            SELECT 'open message of an ended run: ' || m.id FROM conversation_messages m
              JOIN runs r ON r.run_id = m.run_id
              WHERE r.state IN ('completed', 'failed', 'cancelled')
                AND m.status IN ('queued', 'streaming', 'awaiting_approval')
            UNION ALL
            SELECT 'message answered by two runs: ' || user_message_id FROM runs
              GROUP BY user_message_id HAVING COUNT(*) > 1
            UNION ALL
            SELECT 'open tool call of an ended run: ' || l.call_id::text FROM tool_ledger l
              JOIN runs r ON r.run_id = l.run_id
              WHERE r.state IN ('completed', 'failed', 'cancelled') AND l.state = 'intended'";
        self.texts(SQLITE, POSTGRES).await
    }

    /// Text of an older revision that was stored behind text of a newer one: must be empty.
    pub async fn late_deltas(&self) -> Vec<String> {
        const SQLITE: &str = "
            SELECT 'seq ' || e.seq || ': ' || e.body FROM events e
              WHERE e.kind = 'delta' AND EXISTS (SELECT 1 FROM events o
                WHERE o.user_id = e.user_id AND o.kind = 'delta' AND o.message_id = e.message_id
                  AND o.seq < e.seq
                  AND json_extract(o.body, '$.revision') > json_extract(e.body, '$.revision'))";
        const POSTGRES: &str = "
            SELECT 'seq ' || e.seq || ': ' || e.body FROM events e
              WHERE e.kind = 'delta' AND EXISTS (SELECT 1 FROM events o
                WHERE o.user_id = e.user_id AND o.kind = 'delta' AND o.message_id = e.message_id
                  AND o.seq < e.seq
                  AND (o.body->>'revision')::int > (e.body->>'revision')::int)";
        self.texts(SQLITE, POSTGRES).await
    }

    /// Which tables show which of the words to SQL, on PostgreSQL; SQLite's are searched by byte.
    pub async fn rows_with(&self, words: &[String]) -> Vec<String> {
        let Self::Postgres { url } = self else {
            return Vec::new();
        };
        const TABLES: &str = "SELECT table_name::text FROM information_schema.tables
            WHERE table_schema = 'public' AND table_type = 'BASE TABLE'";
        let mut db = sqlx::PgConnection::connect(url).await.unwrap();
        let mut found = Vec::new();
        for table in self.texts("", TABLES).await {
            let sql = format!(
                "SELECT word || ' in {table}' FROM UNNEST($1::text[]) AS word
                 WHERE EXISTS (SELECT 1 FROM {table} t WHERE STRPOS(t::text, word) > 0)"
            );
            let rows = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).bind(words);
            found.extend(rows.fetch_all(&mut db).await.unwrap());
        }
        db.close().await.unwrap();
        found
    }

    /// What the database finds wrong with itself: must be empty. PostgreSQL checks its foreign keys
    /// as it goes.
    pub async fn damage(&self) -> Vec<String> {
        let Self::Sqlite { .. } = self else {
            return Vec::new();
        };
        let mut found = self.texts("PRAGMA integrity_check", "").await;
        found.retain(|line| line != "ok");
        const FOREIGN: &str = "SELECT 'foreign key: ' || \"table\" FROM pragma_foreign_key_check";
        found.extend(self.texts(FOREIGN, "").await);
        found
    }
}
