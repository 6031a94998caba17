//! Configuration: flags beat the environment, that beats `rejoinder.toml`, that beats defaults.
//! The only place that reads the environment.

mod address;
mod environment;
mod file;
mod limits;
mod providers;
mod redis;
mod show;
mod tools;

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::tools::{HttpToolConfig, ToolPolicies};
use agent::machine::Limits as RunLimits;
use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use models::ProviderConfig;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

pub use address::is_plain;
#[cfg(feature = "failpoints")]
pub use environment::failpoint;
#[cfg(test)]
pub use environment::is_known;
#[cfg(feature = "sabotage")]
pub use environment::sabotage;
pub use environment::{boot_id, hub};
pub use show::show;

/// Whether people may make accounts by themselves once there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    Open,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

/// Where the data is: asked by every command.
#[derive(Debug, Clone, Default, Args)]
pub struct DataFlags {
    /// Directory of the database, keys and models [default: the platform's data directory]
    #[arg(long, env = "REJOINDER_DATA_DIR", value_name = "DIR", global = true)]
    pub data_dir: Option<PathBuf>,
    /// `sqlite:///path/to.db` or `postgres://user:password@host/database` [default: a SQLite
    /// database in the data directory]
    #[arg(
        long,
        env = "REJOINDER_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true,
        global = true
    )]
    pub database_url: Option<String>,
    /// Configuration file [default: rejoinder.toml in the data directory]
    #[arg(long, env = "REJOINDER_CONFIG", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
}

/// What only the server asks.
#[derive(Debug, Clone, Default, Args)]
pub struct ServeFlags {
    /// Address to listen on; port 0 takes any free one [default: 127.0.0.1:8080]
    #[arg(long, env = "REJOINDER_LISTEN", value_name = "ADDRESS", value_parser = address::listen)]
    pub listen: Option<SocketAddr>,
    /// Address that people type, such as `https://chat.example.org`; needed beyond loopback
    #[arg(long, env = "REJOINDER_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// `redis://host:port`; refused so far, since this version runs as one node, which has no use
    /// for Redis [default: none]
    #[arg(
        long,
        env = "REJOINDER_REDIS_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub redis_url: Option<String>,
    /// Whether people may make accounts once there is one [default: closed]
    #[arg(long, env = "REJOINDER_REGISTRATION")]
    pub registration: Option<Registration>,
    /// Default model as `provider/model` [default: the first configured provider's, else the
    /// built-in one]
    #[arg(long, env = "REJOINDER_MODEL", value_name = "PROVIDER/MODEL")]
    pub model: Option<String>,
    /// How to write the log
    #[arg(long, env = "REJOINDER_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// What to log, such as `info` or `debug,sqlx=warn` [default: info]
    #[arg(long, env = "REJOINDER_LOG", value_name = "FILTER")]
    pub log: Option<String>,
}

/// What holds after all layers.
pub struct Config {
    pub data_dir: PathBuf,
    pub file: Option<PathBuf>,
    pub database_url: SecretString,
    pub listen: SocketAddr,
    pub public_url: Option<String>,
    /// Known and checked; `serve` refuses it until there is more than one node.
    pub redis_url: Option<SecretString>,
    pub registration: Registration,
    pub model: Option<String>,
    pub providers: Vec<ProviderConfig>,
    pub tools: Vec<HttpToolConfig>,
    /// Of the built-in ones, as far as the operator has said any.
    pub tool_policy: ToolPolicies,
    pub secret_key: Option<SecretString>,
    pub metrics_token: Option<SecretString>,
    pub docs: bool,
    pub send_wait: Duration,
    pub send_rate_per_minute: u32,
    pub drain: Duration,
    pub log: String,
    pub log_format: LogFormat,
    pub local_model: LocalModelConfig,
    pub limits: RunLimits,
}

/// The model inside the binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalModelConfig {
    pub enabled: bool,
    pub path: PathBuf,
    /// `None`: one less than the cores.
    pub threads: Option<usize>,
    pub idle: Duration,
}

/// File name of the built-in model, as `scripts/fetch-model.py` writes it.
pub const LOCAL_MODEL_FILE: &str = "smollm2-135m-instruct-q4_1.gguf";
/// Of the same file, as `scripts/fetch-model.py` checks it.
const LOCAL_MODEL_SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
const A_YEAR_OF_MINUTES: u64 = 365 * 24 * 60;

impl LocalModelConfig {
    fn new(said: file::LocalModel, data_dir: &Path) -> Result<Self> {
        let idle_minutes = said.idle_minutes.unwrap_or(15);
        between(
            "local_model.idle_minutes",
            idle_minutes,
            0,
            A_YEAR_OF_MINUTES,
        )?;
        if let Some(threads) = said.threads {
            between("local_model.threads", threads, 1, 1_024)?;
        }
        Ok(Self {
            enabled: said.enabled.unwrap_or(true),
            path: said
                .path
                .unwrap_or_else(|| data_dir.join("models").join(LOCAL_MODEL_FILE)),
            threads: said.threads,
            idle: Duration::from_secs(60 * idle_minutes),
        })
    }

    /// What the file must hash to, where that is known.
    pub fn sha256(&self) -> Option<&'static str> {
        let ours = self.path.file_name() == Some(LOCAL_MODEL_FILE.as_ref());
        ours.then_some(LOCAL_MODEL_SHA256)
    }
}

/// Says the key, the value and what is allowed.
fn between<T: PartialOrd + Display>(key: &str, value: T, least: T, most: T) -> Result<()> {
    ensure!(
        value >= least && value <= most,
        "{key} is {value}; it must be between {least} and {most}"
    );
    Ok(())
}

impl Config {
    /// Puts the layers together and checks the result. Reads the file, creates nothing.
    pub fn load(data: &DataFlags, serve: &ServeFlags) -> Result<Self> {
        environment::refuse_unknown()?;
        let data_dir = match &data.data_dir {
            Some(dir) => dir.clone(),
            None => environment::default_data_dir()?,
        };
        let (path, file) = file::read(data.config.as_deref(), &data_dir)?;
        let database_url = match data.database_url.clone().or(file.database_url) {
            Some(url) => url,
            None => format!("sqlite://{}", data_dir.join("rejoinder.db").display()),
        };
        ensure!(
            ["sqlite:", "postgres://", "postgresql://"]
                .iter()
                .any(|p| database_url.starts_with(p)),
            "database_url must begin with sqlite:// or postgres://"
        );
        let providers = providers::all(file.providers)?;
        let tools = tools::all(file.tools)?;
        let tool_policy = tools::policies(&file.tool_policy, &tools)?;
        let limits = limits::all(&file.limits)?;
        let public_url = serve.public_url.clone().or(file.public_url);
        let send_wait = file.send_wait_seconds.unwrap_or(300);
        between("send_wait_seconds", send_wait, 1, 3_600)?;
        let send_rate_per_minute = file.send_rate_per_minute.unwrap_or(60);
        between("send_rate_per_minute", send_rate_per_minute, 1, 100_000)?;
        let drain = file.drain_seconds.unwrap_or(20);
        between("drain_seconds", drain, 0, 3_600)?;
        let config = Self {
            listen: match serve.listen {
                Some(listen) => listen,
                None => file
                    .listen
                    .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
            },
            public_url: public_url.as_deref().map(address::public_url).transpose()?,
            redis_url: redis::url(serve.redis_url.clone().or(file.redis_url))?,
            registration: serve
                .registration
                .or(file.registration)
                .unwrap_or(Registration::Closed),
            model: serve.model.clone().or(file.model),
            providers,
            tools,
            tool_policy,
            limits,
            secret_key: environment::secret("REJOINDER_SECRET_KEY").or(file.secret_key),
            metrics_token: environment::secret("REJOINDER_METRICS_TOKEN").or(file.metrics_token),
            docs: file.docs.unwrap_or(true),
            send_wait: Duration::from_secs(send_wait),
            send_rate_per_minute,
            drain: Duration::from_secs(drain),
            log: serve
                .log
                .clone()
                .or(file.log)
                .unwrap_or_else(|| "info".to_owned()),
            log_format: serve
                .log_format
                .or(file.log_format)
                .unwrap_or(LogFormat::Text),
            local_model: LocalModelConfig::new(file.local_model, &data_dir)?,
            database_url: SecretString::from(database_url),
            data_dir,
            file: path,
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        ensure!(
            self.public_url.is_some() || self.listen.ip().is_loopback(),
            "listening on {} needs --public-url (or REJOINDER_PUBLIC_URL): the address that \
             people type into their browser, such as https://chat.example.org",
            self.listen
        );
        if let Some(key) = &self.secret_key {
            check_secret(key.expose_secret())?;
        }
        Ok(())
    }

    /// Refuses what asks for more nodes than one.
    pub fn one_node(&self) -> Result<()> {
        ensure!(
            self.redis_url.is_none(),
            "redis_url is set, but this version runs as one node and does not use Redis: leave \
             --redis-url, REJOINDER_REDIS_URL or redis_url in rejoinder.toml out"
        );
        Ok(())
    }

    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        self.database_url.expose_secret().starts_with("sqlite:")
    }

    /// Makes the data directory, for its owner only.
    pub fn create_data_dir(&self) -> Result<()> {
        create_private_dir(&self.data_dir).with_context(|| {
            format!(
                "the data directory {} can't be used; choose another with --data-dir",
                self.data_dir.display()
            )
        })
    }
}

fn create_private_dir(dir: &Path) -> Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    if !dir.exists() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)?;
    }
    let metadata = std::fs::metadata(dir)?;
    ensure!(metadata.is_dir(), "it is not a directory");
    if metadata.permissions().mode() & 0o077 != 0 {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
            .context("it is readable by others, and its mode can't be changed to 0700")?;
    }
    // A directory that can't be written is found now, not at the first message.
    let probe = dir.join(".write-probe");
    std::fs::write(&probe, b"").context("it can't be written")?;
    std::fs::remove_file(&probe)?;
    Ok(())
}

/// Refuses keys that somebody else may know.
fn check_secret(key: &str) -> Result<()> {
    const MIN: usize = 32;
    ensure!(
        key.len() >= MIN,
        "secret_key has {} characters; it must have at least {MIN}. Make one with \
         `openssl rand -hex 32`, or leave it out: one is made and kept in the data directory",
        key.len()
    );
    let lower = key.to_lowercase();
    let known = [
        "changeme",
        "change-me",
        "change_me",
        "secret",
        "password",
        "example",
        "default",
    ];
    let distinct = key.chars().collect::<std::collections::BTreeSet<_>>().len();
    ensure!(
        distinct >= 10 && !known.iter().any(|word| lower.contains(word)),
        "secret_key looks like a placeholder. Make one with `openssl rand -hex 32`, or leave it \
         out: one is made and kept in the data directory"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{LOCAL_MODEL_FILE, LOCAL_MODEL_SHA256, check_secret};

    #[test]
    fn the_built_in_model_is_the_one_that_is_fetched() {
        let script = include_str!("../../../../scripts/fetch-model.py");
        for said in [LOCAL_MODEL_FILE, LOCAL_MODEL_SHA256] {
            assert!(script.contains(said), "{said}");
        }
    }

    #[test]
    fn weak_secrets_stop_the_start() {
        for weak in [
            "short",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "changeme-changeme-changeme-changeme-0123456789",
        ] {
            assert!(check_secret(weak).is_err(), "{weak}");
        }
        assert!(check_secret("4c1f6a90be27d8537a1c09e4f2b85d6379e0").is_ok());
    }
}
