//! The programs under test.

use std::path::PathBuf;

use testkit::process::setting;

/// The ordinary binary: `REJOINDER_BIN`, or the one of the same build.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn rejoinder() -> PathBuf {
    find("REJOINDER_BIN", "rejoinder", "cargo build -p rejoinder")
}

/// The binary that dies where it is told to: `REJOINDER_FAILPOINT_BIN`, or the one that
/// `scripts/failpoints.sh` leaves.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn rejoinder_with_failpoints() -> PathBuf {
    let beside = "../failpoints/rejoinder";
    let build = "scripts/failpoints.sh -p rejoinder";
    find("REJOINDER_FAILPOINT_BIN", beside, build)
}

/// `beside` is relative to the folder that cargo puts programs in.
fn find(variable: &str, beside: &str, build: &str) -> PathBuf {
    let program = setting(variable).map_or_else(|| folder().join(beside), PathBuf::from);
    assert!(
        program.is_file(),
        "there is no {}: {build}, or name it in {variable}",
        program.display()
    );
    program
}

/// Test binaries are in `deps`, one below.
fn folder() -> PathBuf {
    let mut folder = std::env::current_exe().unwrap();
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    folder
}
