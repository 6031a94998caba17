//! The server's key: made on the first start, mode 0600, or given by configuration.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use secrecy::{ExposeSecret, SecretBox};

use crate::config::Config;
use crate::parameters::fill;

const FILE: &str = "secret.key";
const KEY_BYTES: usize = 32;

/// Whether [`signing_key`] would find one rather than make it.
pub fn is_there(config: &Config) -> bool {
    config.secret_key.is_some() || config.data_dir.join(FILE).exists()
}

/// At least 32 bytes that sign access and refresh tokens.
pub fn signing_key(config: &Config) -> Result<SecretBox<[u8]>> {
    if let Some(key) = &config.secret_key {
        return Ok(SecretBox::new(key.expose_secret().as_bytes().into()));
    }
    let path = config.data_dir.join(FILE);
    let text = if path.exists() {
        read(&path)?
    } else {
        create(&path)?
    };
    Ok(SecretBox::new(text.trim().as_bytes().into()))
}

fn read(path: &Path) -> Result<String> {
    let mode = std::fs::metadata(path)?.permissions().mode();
    ensure!(
        mode & 0o077 == 0,
        "{} can be read by others (mode {:o}): run `chmod 600` on it, and consider who may have \
         seen it",
        path.display(),
        mode & 0o777
    );
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the key {} can't be read", path.display()))?;
    ensure!(
        text.trim().len() >= 2 * KEY_BYTES,
        "the key {} is cut short: restore it from a backup, or remove it (everybody then signs in \
         again)",
        path.display()
    );
    Ok(text)
}

fn create(path: &Path) -> Result<String> {
    let mut bytes = [0u8; KEY_BYTES];
    fill(&mut bytes);
    let text = hex::encode(bytes);
    // Written beside and renamed: a kill in between leaves no half key.
    let beside = path.with_extension("key.new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .with_context(|| format!("the key {} can't be written", beside.display()))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    Ok(text)
}
