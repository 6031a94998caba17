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
