//! A database of a test's own.

use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use crate::process::setting;

/// Goes with the test's folder, or with the throw-away server of `make test`.
#[derive(Debug, Clone)]
pub enum TestDatabase {
    Sqlite,
    Postgres { url: String },
}

static NUMBER: AtomicU64 = AtomicU64::new(0);

impl TestDatabase {
    #[must_use]
    pub fn sqlite() -> Self {
        Self::Sqlite
    }

    /// A new database on the server of `REJOINDER_TEST_POSTGRES_URL`; `None` where that is unset.
    pub async fn postgres() -> Option<Self> {
        let server = setting("REJOINDER_TEST_POSTGRES_URL")?;
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let name = format!("test_{}_{number}", std::process::id());
        let mut admin = PgConnection::connect(&server).await.unwrap();
        drop_the_dead(&mut admin).await;
        // A process id comes again after a while.
        for sql in [
            format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            format!("CREATE DATABASE {name}"),
        ] {
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut admin)
                .await
                .unwrap();
        }
        admin.close().await.unwrap();
        let options = PgConnectOptions::from_str(&server).unwrap().database(&name);
        Some(Self::Postgres {
            url: options.to_url_lossy().into(),
        })
    }

    /// The one that `REJOINDER_TEST_DATABASE` names (`sqlite` or `postgres`), SQLite without it: the
    /// same tests run on both, once each.
    ///
    /// # Panics
    /// Where PostgreSQL is named and `REJOINDER_TEST_POSTGRES_URL` is not set.
    pub async fn chosen() -> Self {
        match setting("REJOINDER_TEST_DATABASE").as_deref() {
            None | Some("sqlite") => Self::sqlite(),
            Some("postgres") => Self::postgres().await.expect(
                "REJOINDER_TEST_POSTGRES_URL: the address that `scripts/postgres.sh start FOLDER` prints",
            ),
            Some(other) => panic!("REJOINDER_TEST_DATABASE: {other:?} is neither sqlite nor postgres"),
        }
    }

    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite)
    }

    /// For `--database-url`.
    #[must_use]
    pub fn url(&self, data_dir: &Path) -> String {
        match self {
            Self::Sqlite => format!("sqlite://{}", data_dir.join("rejoinder.db").display()),
            Self::Postgres { url } => url.clone(),
        }
    }
}

/// Databases of processes that have ended: hundreds of them would fill a small disk. Not by their
/// owner when it drops them, since a DROP waits for every connection of the server that is just
/// signing in, and the test's own may stand still at that moment.
async fn drop_the_dead(admin: &mut PgConnection) {
    let names = "SELECT datname::TEXT FROM pg_database WHERE datname LIKE 'test\\_%'";
    let names: Vec<String> = sqlx::query_scalar(names)
        .fetch_all(&mut *admin)
        .await
        .unwrap();
    for name in names {
        let owner = name.split('_').nth(1).unwrap_or_default();
        let processes = Path::new("/proc");
        if processes.join("self").exists() && !processes.join(owner).exists() {
            let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            // Another test may be just as tidy.
            let _ = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *admin).await;
        }
    }
}
