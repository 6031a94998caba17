//! A PostgreSQL server of a trial's own: with settings of its own, to be looked at by the tracer, or
//! on a disk that fills up. The server of all other tests is neither careful nor anybody's own.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use testkit::TestDatabase;

use crate::database::Database;

/// Ended when it is dropped.
pub struct Cluster {
    folder: TempDir,
    url: String,
}

impl Cluster {
    /// Settings as `fsync=on`; they win over those of `scripts/postgres.sh`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // PostgreSQL runs as another user and must be able to enter.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let output = script("start", &folder.path().join("server"), settings);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "PostgreSQL: {output:?}");
        Self {
            url: said.lines().last().unwrap().to_owned(),
            folder,
        }
    }

    /// The one that it comes with; a new one would cost a checkpoint.
    #[must_use]
    pub fn database(&self) -> TestDatabase {
        TestDatabase::Postgres {
            url: self.url.clone(),
        }
    }

    /// A new one of this name; `more` as in `TABLESPACE small`.
    pub async fn create(&self, name: &str, more: &str) -> TestDatabase {
        self.execute(&format!("CREATE DATABASE {name} {more}"))
            .await;
        let (server, _) = self.url.rsplit_once('/').unwrap();
        TestDatabase::Postgres {
            url: format!("{server}/{name}"),
        }
    }

    /// One statement of the server's superuser.
    pub async fn execute(&self, sql: &str) {
        let database = Database::of(&self.database(), self.folder.path());
        database.execute(sql).await;
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        let (_, port) = self.url.rsplit_once(':').unwrap();
        port.split('/').next().unwrap().parse().unwrap()
    }

    /// Where other users may enter.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Who runs it.
    #[must_use]
    pub fn owner(&self) -> u32 {
        std::fs::metadata(self.data()).unwrap().uid()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("server/data")
    }

    /// The process that begets all others, then those that it has.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let first: u32 = file.lines().next().unwrap().parse().unwrap();
        let parent = format!("PPid:\t{first}");
        let all = std::fs::read_dir("/proc").unwrap();
        let children = all
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
            .filter(|pid: &u32| {
                let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
                status.is_ok_and(|status| status.lines().any(|line| line == parent))
            });
        std::iter::once(first).chain(children).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        script("stop", &self.folder.path().join("server"), &[]);
    }
}

fn script(action: &str, folder: &Path, settings: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/postgres.sh");
    Command::new(script)
        .arg(action)
        .arg(folder)
        .args(settings)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}
