//! Everything that is read from the process's surroundings.

use std::path::PathBuf;

use anyhow::{Context, Result};
use secrecy::SecretString;

/// A variable that is set and not empty.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where the environment is read"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name)
        .ok()
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
}

pub fn secret(name: &str) -> Option<SecretString> {
    variable(name).map(SecretString::from)
}

/// `$XDG_DATA_HOME/rejoinder`, else `~/.local/share/rejoinder` (on macOS
/// `~/Library/Application Support/rejoinder`).
pub fn default_data_dir() -> Result<PathBuf> {
    if let Some(dir) = variable("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|dir| dir.is_absolute())
    {
        return Ok(dir.join("rejoinder"));
    }
    let home = variable("HOME")
        .context("neither --data-dir nor HOME is set: say with --data-dir where the data lives")?;
    let below = if cfg!(target_os = "macos") {
        "Library/Application Support"
    } else {
        ".local/share"
    };
    Ok(PathBuf::from(home).join(below).join("rejoinder"))
}

/// Where a test wants the process to die: `REJOINDER_FAILPOINT=name:hit`.
#[cfg(feature = "failpoints")]
pub fn failpoint() -> Result<Option<agent::failpoints::Failpoint>> {
    variable("REJOINDER_FAILPOINT")
        .map(|text| text.parse().map_err(anyhow::Error::msg))
        .transpose()
        .context("REJOINDER_FAILPOINT can't be used")
}

/// Which mechanism a test wants turned off: `REJOINDER_SABOTAGE=fence`.
#[cfg(feature = "sabotage")]
pub fn sabotage() -> Result<Option<domain::sabotage::Mechanism>> {
    variable("REJOINDER_SABOTAGE")
        .map(|text| text.parse().map_err(anyhow::Error::msg))
        .transpose()
        .context("REJOINDER_SABOTAGE can't be used")
}

/// Changes with every boot of the machine; `None` where the system doesn't tell.
pub fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

/// Where `hf:` files come from; a mirror is named as everywhere in that ecosystem.
pub fn hub() -> String {
    let named = variable("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
    named.trim_end_matches('/').to_owned()
}
