//! `rejoinder migrate`.

use anyhow::Result;
use domain::store::Maintenance;
use store::DataDirLock;

use crate::config::{Config, DataFlags, ServeFlags};
use crate::wiring;

pub async fn run(data: &DataFlags) -> Result<()> {
    let config = Config::load(data, &ServeFlags::default())?;
    config.create_data_dir()?;
    let _lock = if config.is_sqlite() {
        Some(DataDirLock::acquire(&config.data_dir)?)
    } else {
        None
    };
    let base = wiring::base(&config, false).await?;
    println!(
        "The database is at version {} ({}).",
        store::schema_version(),
        base.store.version().await?
    );
    base.store.close().await?;
    Ok(())
}
