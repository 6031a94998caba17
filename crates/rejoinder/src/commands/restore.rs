//! `rejoinder restore DIR`: puts a backup in place. Nothing is overwritten: what was there is set
//! aside. A kill in between leaves the old state, the new one, or a mark: whoever starts then is told
//! to restore again, and does not begin with an empty database.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use domain::Clock;
use domain::store::Maintenance;
use store::{DataDirLock, Restored};

use crate::config::{Config, DataFlags, ServeFlags};
use crate::manifest::{DATABASE, KEY, Manifest};
use crate::parameters::SystemClock;
use crate::wiring;

/// There from before the first change until after the last.
const MARK: &str = "restore-unfinished";

/// A data directory in which a restore was interrupted holds neither the old nor the new.
pub fn refuse_half_restored(data_dir: &Path) -> Result<()> {
    let mark = data_dir.join(MARK);
    if !mark.exists() {
        return Ok(());
    }
    let from = std::fs::read_to_string(&mark).unwrap_or_default();
    bail!(
        "a restore into {} was interrupted: run `rejoinder restore {from}` again (what was there \
         before is in its folder replaced-…)",
        data_dir.display()
    )
}

pub async fn run(data: &DataFlags, from: &Path, replace: bool) -> Result<()> {
    let config = Config::load(data, &ServeFlags::default())?;
    if !config.is_sqlite() {
        bail!(
            "this configuration uses PostgreSQL: restore with pg_restore, then run `rejoinder \
             restore --database-restored`; `rejoinder backup DIR` tells the whole commands"
        );
    }
    let manifest = Manifest::read(from)?;
    ensure!(
        manifest.schema <= store::schema_version(),
        "the backup was made by a newer version ({}): restore it with that one",
        manifest.version
    );
    config.create_data_dir()?;
    let lock =
        DataDirLock::acquire(&config.data_dir).context("stop the server before restoring")?;
    let present = config.data_dir.join(DATABASE);
    if present.exists() && !replace && refuse_half_restored(&config.data_dir).is_ok() {
        bail!(
            "{} exists: add --replace to set it aside, or restore into another --data-dir",
            present.display()
        );
    }
    let incoming: Vec<(PathBuf, PathBuf)> = manifest
        .files
        .keys()
        .map(|name| {
            let beside = config.data_dir.join(format!("{name}.restoring"));
            copy(&from.join(name), &beside).map(|()| (beside, config.data_dir.join(name)))
        })
        .collect::<Result<_>>()?;
    let mark = config.data_dir.join(MARK);
    std::fs::write(&mark, from.to_string_lossy().as_bytes())?;
    std::fs::File::open(&mark)?.sync_all()?;
    std::fs::File::open(&config.data_dir)?.sync_all()?;
    let aside = set_aside(&config.data_dir)?;
    for (beside, place) in incoming {
        std::fs::rename(beside, place)?;
    }
    std::fs::File::open(&config.data_dir)?.sync_all()?;

    let restored = begin_anew(&config).await?;
    std::fs::remove_file(&mark)?;
    drop(lock);
    println!(
        "Restored {} into {}.",
        from.display(),
        config.data_dir.display()
    );
    if let Some(aside) = aside {
        println!("What was there is in {}.", aside.display());
    }
    tell(restored);
    Ok(())
}

/// `rejoinder restore --database-restored`: what is left to do after somebody else's restore.
pub async fn announce(data: &DataFlags) -> Result<()> {
    let config = Config::load(data, &ServeFlags::default())?;
    config.create_data_dir()?;
    let _lock =
        DataDirLock::acquire(&config.data_dir).context("stop the server before restoring")?;
    let restored = begin_anew(&config).await?;
    println!("The database is sound. Pages that are still open will load everything again.");
    tell(restored);
    Ok(())
}

/// Pages that have seen more than the backup holds load everything again, and what may have gone on
/// after it does not go on again.
async fn begin_anew(config: &Config) -> Result<Restored> {
    let base = wiring::half_restored_or_not(config, false).await?;
    let damage = base.store.check_integrity().await?;
    let restored = if damage.is_empty() {
        base.store.begin_anew().await?
    } else {
        Restored::default()
    };
    base.store.close().await?;
    ensure!(
        damage.is_empty(),
        "the restored database is damaged: {}",
        damage.join("; ")
    );
    Ok(restored)
}

fn tell(Restored { ended, unknown }: Restored) {
    if ended > 0 {
        println!(
            "Answers that were not finished when the backup was made: {ended}. They have ended; \
             their users can try them again."
        );
    }
    if unknown > 0 {
        println!(
            "Calls of tools that may have been made after the backup: {unknown}. They are shown as \
             unknown, for their users to decide."
        );
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).with_context(|| format!("{} can't be written", to.display()))?;
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o600))?;
    std::fs::File::open(to)?.sync_all()?;
    Ok(())
}

/// Moves the present database, its log and the key into a folder of their own.
fn set_aside(data_dir: &Path) -> Result<Option<PathBuf>> {
    let wal = format!("{DATABASE}-wal");
    let shm = format!("{DATABASE}-shm");
    let names = [DATABASE, &wal, &shm, KEY];
    if names.iter().all(|name| !data_dir.join(name).exists()) {
        return Ok(None);
    }
    let aside = data_dir.join(format!("replaced-{}", SystemClock.now().0));
    std::fs::create_dir(&aside)?;
    std::fs::set_permissions(&aside, std::fs::Permissions::from_mode(0o700))?;
    // The log first: a database without its newest log is still a database.
    for name in [&shm, &wal, &DATABASE.to_owned(), &KEY.to_owned()] {
        let path = data_dir.join(name);
        if path.exists() {
            std::fs::rename(&path, aside.join(name))?;
        }
    }
    Ok(Some(aside))
}
