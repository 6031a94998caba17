//! What a backup holds, so that a damaged or half copied one is noticed before it replaces anything.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Written last: a directory without it is no finished backup.
pub const MANIFEST: &str = "manifest.json";
pub const DATABASE: &str = "rejoinder.db";
pub const KEY: &str = "secret.key";

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of the program that made it.
    pub version: String,
    /// Migrations of the database in it.
    pub schema: i64,
    /// Epoch milliseconds.
    pub created_at: i64,
    /// Name → lower-case hex of SHA-256.
    pub files: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads the manifest and compares every file with it.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(MANIFEST);
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!("{} can't be read: is this a directory that `rejoinder backup` made, and was it copied whole?", path.display())
        })?;
        let manifest: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is not what `rejoinder backup` writes", path.display()))?;
        ensure!(
            manifest.files.contains_key(DATABASE),
            "the backup holds no {DATABASE}"
        );
        for (name, expected) in &manifest.files {
            ensure!(
                name == DATABASE || name == KEY,
                "the backup names a file `{name}` that this version does not know"
            );
            if digest(&folder.join(name))? != *expected {
                bail!(
                    "{name} in {} is not what was backed up: copy the backup again, or take an older one",
                    folder.display()
                );
            }
        }
        Ok(manifest)
    }
}

/// Lower-case hex of the SHA-256 of a file.
pub fn digest(path: &Path) -> Result<String> {
    let mut file =
        std::fs::File::open(path).with_context(|| format!("{} can't be read", path.display()))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0u8; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex::encode(hash.finalize()));
        }
        hash.update(&buffer[..read]);
    }
}
