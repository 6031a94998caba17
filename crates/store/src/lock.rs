//! One serving process per data directory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use fs4::fs_std::FileExt;

const FILE: &str = "serve.lock";

/// Held for the life of the process; the operating system lets go of it when the process dies.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
}

#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("another server uses this data directory{}", pid.map(|p| format!(": process {p}")).unwrap_or_default())]
    Held { pid: Option<u32> },
    #[error("the data directory can't be locked: {0}")]
    Io(#[from] io::Error),
}

impl DataDirLock {
    /// Makes the directory (mode 0700) where it is missing.
    pub fn acquire(data_dir: &Path) -> Result<Self, LockError> {
        create_private_dir(data_dir)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(data_dir.join(FILE))?;
        if !FileExt::try_lock_exclusive(&file)? {
            let mut text = String::new();
            let pid = file
                .read_to_string(&mut text)
                .ok()
                .and_then(|_| text.trim().parse().ok());
            return Err(LockError::Held { pid });
        }
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        writeln!(file, "{}", std::process::id())?;
        file.sync_all()?;
        Ok(Self { _file: file })
    }
}

pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
