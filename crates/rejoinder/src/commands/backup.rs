//! `rejoinder backup DIR`: database, key and a manifest, while the server runs.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use domain::Clock;
use secrecy::ExposeSecret;

use crate::config::{Config, DataFlags, ServeFlags};
use crate::manifest::{DATABASE, KEY, MANIFEST, Manifest, digest};
use crate::parameters::SystemClock;

pub async fn run(data: &DataFlags, into: &Path) -> Result<()> {
    let config = Config::load(data, &ServeFlags::default())?;
    ensure!(
        !into.exists(),
        "{} already exists: choose a place where nothing is",
        into.display()
    );
    // The command for PostgreSQL is told before anything is made.
    if config.is_sqlite() {
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(into)
            .with_context(|| format!("{} can't be made", into.display()))?;
    }
    let made = fill(&config, into).await;
    if made.is_err() && into.exists() {
        // Only what this run made is in it; half a backup must not look like one.
        let _ = std::fs::remove_dir_all(into);
    }
    if let (Err(_), false) = (&made, config.is_sqlite()) {
        println!(
            "Besides the database, copy {} (everybody's logins need it) and {}.",
            config.data_dir.join(KEY).display(),
            config.data_dir.join("rejoinder.toml").display(),
        );
    }
    made?;
    println!("Backed up to {}.", into.display());
    Ok(())
}

async fn fill(config: &Config, into: &Path) -> Result<()> {
    let database = into.join(DATABASE);
    let schema = store::backup(
        config.database_url.expose_secret(),
        &config.data_dir,
        &database,
    )
    .await?;
    let mut files = BTreeMap::from([(DATABASE.to_owned(), digest(&database)?)]);
    let key = config.data_dir.join(KEY);
    if key.exists() {
        private(&into.join(KEY), &std::fs::read(&key)?)?;
        files.insert(KEY.to_owned(), digest(&into.join(KEY))?);
    }
    let manifest = Manifest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        schema,
        created_at: SystemClock.now().0,
        files,
    };
    private(&into.join(MANIFEST), &serde_json::to_vec_pretty(&manifest)?)?;
    std::fs::File::open(into)?.sync_all()?;
    Ok(())
}

/// A new file for its owner only, on disk when this returns.
fn private(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(())
}
