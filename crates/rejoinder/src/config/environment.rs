//! Everything that is read from the process's surroundings.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use secrecy::SecretString;

const PREFIX: &str = "REJOINDER_";

/// What the server reads.
const KNOWN: [&str; 12] = [
    "CONFIG",
    "DATABASE_URL",
    "DATA_DIR",
    "LISTEN",
    "LOG",
    "LOG_FORMAT",
    "METRICS_TOKEN",
    "MODEL",
    "PUBLIC_URL",
    "REDIS_URL",
    "REGISTRATION",
    "SECRET_KEY",
];

/// What the scripts and tests around it read, and builds made for tests.
const BESIDE: [&str; 10] = [
    "BENCH_BIN",
    "BIN",
    "FAILPOINT",
    "FAILPOINT_BIN",
    "GOLDEN",
    "KILL_ROUNDS",
    "SABOTAGE",
    "SEED",
    "SERVER",
    "TEST_",
];

/// A misspelt variable is not one that was left out.
pub fn refuse_unknown() -> Result<()> {
    let unknown: Vec<String> = std::env::vars_os()
        .map(|(name, value)| [name, value].map(|text| text.to_string_lossy().into_owned()))
        .filter(|[name, value]| !is_known(name) && !is_of_a_service(name, value))
        .map(|[name, _]| name)
        .collect();
    ensure!(
        unknown.is_empty(),
        "{} is set in the environment, but there is no such setting; there are: {PREFIX}{} (what \
         else can be set goes into rejoinder.toml)",
        unknown.join(", "),
        KNOWN.join(&format!(", {PREFIX}"))
    );
    Ok(())
}

/// Whether a variable is none of ours, or one that means something.
pub fn is_known(name: &str) -> bool {
    let Some(ours) = name.strip_prefix(PREFIX) else {
        return true;
    };
    let beside = BESIDE
        .iter()
        .any(|name| ours == *name || name.ends_with('_') && ours.starts_with(name));
    beside || KNOWN.contains(&ours)
}

/// Kubernetes tells every process where the services around it are, in variables that begin with
/// their names: one called `rejoinder` must not stop the start. `REJOINDER_PORT` with anything else
/// than such an address is somebody's mistake.
fn is_of_a_service(name: &str, value: &str) -> bool {
    let Some(ours) = name.strip_prefix(PREFIX) else {
        return false;
    };
    let address = ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|scheme| value.starts_with(scheme));
    ours.starts_with("SERVICE_HOST")
        || ours.starts_with("SERVICE_PORT")
        || ours.starts_with("PORT_")
        || (ours == "PORT" && address)
}

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

#[cfg(test)]
mod tests {
    use super::{is_known, is_of_a_service};

    #[test]
    fn what_an_orchestrator_says_of_a_service_is_no_setting() {
        for (name, value) in [
            ("REJOINDER_SERVICE_HOST", "10.0.0.11"),
            ("REJOINDER_SERVICE_PORT", "8080"),
            ("REJOINDER_SERVICE_PORT_HTTP", "8080"),
            ("REJOINDER_PORT", "tcp://10.0.0.11:8080"),
            ("REJOINDER_PORT_8080_TCP", "tcp://10.0.0.11:8080"),
            ("REJOINDER_PORT_8080_TCP_ADDR", "10.0.0.11"),
        ] {
            assert!(!is_known(name) && is_of_a_service(name, value), "{name}");
        }
        for (name, value) in [("REJOINDER_PORT", "8080"), ("REJOINDER_SERVICE", "tcp://a")] {
            assert!(!is_of_a_service(name, value), "{name}");
        }
    }

    #[test]
    fn what_begins_like_ours_is_ours_or_a_mistake() {
        for good in [
            "PATH",
            "REJOINDER_LISTEN",
            "REJOINDER_SECRET_KEY",
            "REJOINDER_BIN",
            "REJOINDER_TEST_POSTGRES_URL",
            "REJOINDER_SABOTAGE",
        ] {
            assert!(is_known(good), "{good}");
        }
        for bad in [
            "REJOINDER_",
            "REJOINDER_BOGUS",
            "REJOINDER_DOCS",
            "REJOINDER_PUBLICURL",
            "REJOINDER_BINARY",
        ] {
            assert!(!is_known(bad), "{bad}");
        }
    }
}
