//! The clock of the real binary, in a test's hands: Debian's libfaketime between the process and the
//! system. Only the time of day is moved; timers run as ever.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::process::Binary;

/// A clock for one or more lives of a process. It runs; a test moves it forward.
pub struct FakeTime {
    file: PathBuf,
    ahead: Duration,
}

impl FakeTime {
    /// At the machine's time. `folder` keeps the file that the process reads its time from.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let clock = Self {
            file: folder.join("faketime"),
            ahead: Duration::ZERO,
        };
        clock.write();
        clock
    }

    /// Puts the binary under this clock.
    ///
    /// # Panics
    /// Where libfaketime is not installed (Debian: `libfaketime`).
    #[must_use]
    pub fn on(&self, binary: Binary) -> Binary {
        binary
            .env("LD_PRELOAD", library().to_str().unwrap())
            .env("FAKETIME_TIMESTAMP_FILE", self.file.to_str().unwrap())
            // The file is read at each question, so that a change holds at once.
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }

    /// Now it is so much later.
    pub fn advance(&mut self, by: Duration) {
        self.ahead += by;
        self.write();
    }

    /// Replaced whole: the process must never read half a number.
    fn write(&self) {
        let draft = self.file.with_extension("new");
        std::fs::write(&draft, format!("+{}\n", self.ahead.as_secs())).unwrap();
        std::fs::rename(&draft, &self.file).unwrap();
    }
}

fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib")
        .into_iter()
        .flatten()
        .flatten();
    folders
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists())
        .expect("libfaketime (Debian: apt-get install libfaketime)")
}
