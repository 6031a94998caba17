//! `rejoinder config show`.

use anyhow::Result;

use crate::config::{Config, DataFlags, ServeFlags, show as shown};

pub fn show(data: &DataFlags, flags: &ServeFlags) -> Result<()> {
    let config = Config::load(data, flags)?;
    println!("{}", serde_json::to_string_pretty(&shown(&config))?);
    Ok(())
}
