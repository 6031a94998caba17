//! A disk that is full from one moment to another.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::strace::Attached;
use testkit::{Fault, Strace, Which};

use super::server::Server;

/// How it is done: always by system calls that fail, and with a real file system of its own where one
/// may be mounted. PostgreSQL's disk is its server's: there the server says no.
pub enum Disk {
    Traced {
        strace: Strace,
        attached: Option<Box<Attached>>,
    },
    Mounted(Mounted),
    Server(Server),
}

impl Disk {
    #[must_use]
    pub fn traced(data_dir: &Path, output: &Path) -> Self {
        let fault = |call| Fault {
            call,
            error: "ENOSPC",
            which: Which::All,
        };
        let strace = Strace::new(output)
            .calls("pwrite64")
            .database(data_dir)
            .fault(fault("pwrite64"));
        Self::Traced {
            strace,
            attached: None,
        }
    }

    /// From now on nothing can be stored. `pid` is the server's.
    pub async fn fill(&mut self, pid: u32) {
        match self {
            Self::Traced { strace, attached } => {
                *attached = Some(Box::new(strace.attach(pid).await))
            }
            Self::Mounted(mounted) => mounted.fill(),
            Self::Server(server) => server.fill().await,
        }
    }

    /// There is space again.
    pub async fn free(&mut self) {
        match self {
            Self::Traced { attached, .. } => {
                let trace = attached.take().expect("it is full").detach().await;
                assert!(
                    !trace.injected().is_empty(),
                    "nothing was written meanwhile"
                );
            }
            Self::Mounted(mounted) => mounted.free(),
            Self::Server(server) => server.free().await,
        }
    }

    /// Once it is full, not even a byte goes into a page that has room.
    #[must_use]
    pub fn refuses_all(&self) -> bool {
        match self {
            Self::Traced { .. } => true,
            Self::Mounted(_) => false,
            Self::Server(server) => server.refuses_all(),
        }
    }
}

/// A file system of a few megabytes in memory, unmounted at the end.
pub struct Mounted {
    pub folder: PathBuf,
    /// Left free when it is full.
    left: u64,
}

impl Mounted {
    /// `None` where this user may not mount.
    #[must_use]
    pub fn new(folder: &Path, left: u64) -> Option<Self> {
        Self::with(folder, "size=4m,mode=0700", left)
    }

    /// With options of `mount`.
    #[must_use]
    pub fn with(folder: &Path, options: &str, left: u64) -> Option<Self> {
        std::fs::create_dir(folder).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(folder)
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then(|| Self {
            folder: folder.to_owned(),
            left,
        })
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }

    pub(super) fn fill(&self) {
        self.fill_but(self.left);
    }

    /// Not a byte is left. What a process gave back when it ended is taken as well.
    pub fn exhaust(&self) {
        self.fill_but(0);
    }

    fn fill_but(&self, left: u64) {
        let mut file = std::fs::File::create(self.ballast()).unwrap();
        // Until the file system says no, and then a little less.
        for piece in [1 << 16, 1 << 12] {
            let zeros = vec![0u8; piece];
            while file.write_all(&zeros).is_ok() {}
        }
        // The last piece may have been written in part.
        let size = file.metadata().unwrap().len();
        file.set_len(size.saturating_sub(left)).unwrap();
    }

    pub(super) fn free(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Also when a process that still dies has a file open in it.
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}
