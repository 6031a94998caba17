//! PostgreSQL that can't store for a while: it says so, or has no space indeed.

use testkit::TestDatabase;

use super::full::Mounted;
use crate::cluster::Cluster;
use crate::database::Database;
use crate::every_write;

/// Of the database on a file system of its own, and of that.
const NAME: &str = "small";
/// A new database takes 8 MB, ours 3 more.
const SIZE: &str = "16m";

/// A new database on a file system of its own; `None` where this user may not mount.
pub async fn small(cluster: &Cluster) -> Option<(TestDatabase, Mounted)> {
    let folder = cluster.folder().join(NAME);
    let options = format!("size={SIZE},mode=0700,uid={}", cluster.owner());
    let mounted = Mounted::with(&folder, &options, 0)?;
    let location = folder.display();
    let made = format!("CREATE TABLESPACE {NAME} LOCATION '{location}'");
    cluster.execute(&made).await;
    let database = cluster.create(NAME, &format!("TABLESPACE {NAME}")).await;
    Some((database, mounted))
}

pub struct Server {
    database: Database,
    how: How,
}

enum How {
    /// Each write ends in this condition, by PL/pgSQL's name.
    Says(&'static str),
    /// As after a failover, or at a provider whose quota is used up.
    ReadOnly,
    Tablespace(Mounted),
}

impl Server {
    pub async fn says(database: Database, condition: &'static str) -> Self {
        every_write::install(&database).await;
        let how = How::Says(condition);
        Self { database, how }
    }

    /// The whole server.
    #[must_use]
    pub fn read_only(database: Database) -> Self {
        let how = How::ReadOnly;
        Self { database, how }
    }

    /// The database that [`small`] made.
    #[must_use]
    pub fn tablespace(database: Database, mounted: Mounted) -> Self {
        let how = How::Tablespace(mounted);
        Self { database, how }
    }

    pub(super) async fn fill(&self) {
        match &self.how {
            How::Says(condition) => {
                every_write::does(&self.database, &format!("RAISE {condition};")).await;
            }
            How::ReadOnly => self.read_only_by_default("on").await,
            How::Tablespace(mounted) => mounted.fill(),
        }
    }

    pub(super) async fn free(&self) {
        match &self.how {
            How::Says(_) => every_write::does(&self.database, "").await,
            How::ReadOnly => self.read_only_by_default("off").await,
            How::Tablespace(mounted) => mounted.free(),
        }
    }

    async fn read_only_by_default(&self, value: &str) {
        let set = format!("ALTER SYSTEM SET default_transaction_read_only = {value}");
        self.database.execute(&set).await;
        // For connections that are there too.
        self.database.execute("SELECT pg_reload_conf()").await;
    }

    pub(super) fn refuses_all(&self) -> bool {
        !matches!(self.how, How::Tablespace(_))
    }
}
