//! `rejoinder doctor`: everything that a start needs, looked at one by one.

use std::process::ExitCode;

use agent::ports::{ModelCatalog, ModelList};
use anyhow::{Context, Result, ensure};
use domain::store::{Health, Maintenance};
use secrecy::ExposeSecret;
use store::{DataDirLock, LockError};
use tokio::net::TcpListener;

use crate::config::{Config, DataFlags, LocalModelConfig, ServeFlags};
use crate::{keys, model_file, wiring};

const NOT_YET: &str = "is not there yet: the first start makes it";

#[derive(Default)]
struct Report {
    failed: bool,
}

impl Report {
    fn say(&mut self, what: &str, found: Result<String>) {
        match found {
            Ok(detail) => println!("ok    {what}: {detail}"),
            Err(error) => {
                self.failed = true;
                println!("FAIL  {what}: {error:#}");
            }
        }
    }
}

pub async fn run(data: &DataFlags, flags: &ServeFlags) -> Result<ExitCode> {
    let mut report = Report::default();
    let config = match Config::load(data, flags) {
        Ok(config) => config,
        Err(error) => {
            report.say("configuration", Err(error));
            return Ok(ExitCode::FAILURE);
        }
    };
    let file = config
        .file
        .as_ref()
        .map_or("no file".to_owned(), |file| file.display().to_string());
    report.say("configuration", config.one_node().map(|()| file));
    if config.data_dir.exists() {
        data_dir(&config, &mut report).await;
    } else {
        // Looking makes nothing.
        let dir = config.data_dir.display();
        report.say("data directory", Ok(format!("{dir} {NOT_YET}")));
        report.say("address", address(&config).await);
        report.say("database", database(&config).await);
    }
    models(&config, &mut report).await;
    Ok(if report.failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn data_dir(config: &Config, report: &mut Report) {
    let usable = config
        .create_data_dir()
        .map(|()| config.data_dir.display().to_string());
    let data_dir_usable = usable.is_ok();
    report.say("data directory", usable);
    if !data_dir_usable {
        return;
    }
    report.say(
        "signing key",
        if keys::is_there(config) {
            keys::signing_key(config).map(|_| "present".to_owned())
        } else {
            Ok(format!("it {NOT_YET}"))
        },
    );
    if !running(config, report) {
        report.say("address", address(config).await);
    }
    report.say("database", database(config).await);
}

fn running(config: &Config, report: &mut Report) -> bool {
    match DataDirLock::acquire(&config.data_dir) {
        Ok(_) => {
            report.say("server", Ok("not running".to_owned()));
            false
        }
        Err(LockError::Held { pid }) => {
            let pid = pid.map_or("unknown".to_owned(), |pid| pid.to_string());
            report.say("server", Ok(format!("running, process {pid}")));
            true
        }
        Err(error) => {
            report.say("server", Err(error.into()));
            false
        }
    }
}

async fn address(config: &Config) -> Result<String> {
    let listener = TcpListener::bind(config.listen).await?;
    Ok(format!("{} is free", listener.local_addr()?))
}

async fn database(config: &Config) -> Result<String> {
    // Opening makes what is missing: the file, the tables, the data directory.
    let url = config.database_url.expose_secret();
    if !store::exists(url, &config.data_dir).await? {
        return Ok(format!("it {NOT_YET}"));
    }
    if !config.data_dir.exists() {
        return Ok("it is there; the first start brings it up to date".to_owned());
    }
    let base = wiring::base(config, false).await?;
    let checked = async {
        let version = base.store.version().await?;
        let schema = store::schema_version();
        let damage = base.store.check_integrity().await?;
        anyhow::ensure!(damage.is_empty(), "it is damaged: {}", damage.join("; "));
        let weakened = base.store.weakened().await?;
        anyhow::ensure!(weakened.is_empty(), "{}", weakened.join("; "));
        match base.store.probe().await {
            Health::Ready => Ok(format!("{version}, schema {schema}, sound and writable")),
            Health::NotWritable(reason) | Health::Broken(reason) => {
                Err(anyhow::anyhow!("{version} can't be written: {reason}"))
            }
        }
    };
    let found = checked.await;
    base.store.close().await?;
    found
}

async fn models(config: &Config, report: &mut Report) {
    let wiring::Models { catalog, local, .. } = match wiring::Models::new(config) {
        Ok(models) => models,
        Err(error) => return report.say("models", Err(error)),
    };
    let ModelList { models, unlisted } = catalog.list().await;
    let default = match catalog.default_id() {
        Some(default) => Ok(format!("default {default}; {} known", models.len())),
        None => match unlisted.first() {
            Some(silent) => Err(anyhow::anyhow!("{}", silent.error)),
            None => Err(anyhow::anyhow!(
                "none; see “Connecting a model” in the README"
            )),
        },
    };
    report.say("models", default);
    if local.enabled && cfg!(feature = "local") {
        let default = catalog.default_id().unwrap_or_default();
        let alone = default.is_empty() && config.providers.is_empty();
        let needed = alone || default.starts_with("local/");
        report.say("built-in model", built_in(&local, processor(), needed));
    }
}

/// Whether the engine can run on this one.
#[cfg(feature = "local")]
fn processor() -> Result<()> {
    Ok(local_model::check_processor()?)
}

#[cfg(not(feature = "local"))]
fn processor() -> Result<()> {
    Ok(())
}

/// A model that is missing, or has no processor to run on, is wrong only where it is the one that
/// answers.
fn built_in(local: &LocalModelConfig, processor: Result<()>, needed: bool) -> Result<String> {
    if let Err(unable) = processor {
        ensure!(!needed, "{unable}");
        return Ok(format!("{unable} The default is another one"));
    }
    let path = local.path.display();
    let mend = if local.sha256().is_some() {
        "`rejoinder model pull` fetches it"
    } else {
        "fetch it again from where you had it, or name another file"
    };
    if !local.path.is_file() {
        let missing = format!("{path} is missing: {mend}");
        ensure!(!needed, "{missing}");
        return Ok(format!("{missing}; the default is another one"));
    }
    let how = model_file::check(&local.path, local.sha256())
        .with_context(|| format!("{path}; {mend}"))?;
    Ok(format!("{path}: {how}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::LOCAL_MODEL_FILE;

    #[test]
    fn a_missing_model_is_wrong_where_it_answers_and_a_damaged_one_everywhere() {
        let folder = tempfile::tempdir().unwrap();
        let local = LocalModelConfig {
            enabled: true,
            path: folder.path().join(LOCAL_MODEL_FILE),
            threads: None,
            idle: Duration::ZERO,
        };
        let missing = built_in(&local, Ok(()), true).unwrap_err();
        assert!(missing.to_string().contains("model pull"), "{missing}");
        assert!(built_in(&local, Ok(()), false).unwrap().contains("missing"));
        // What looks like a model and isn't the one of this name.
        for damaged in [vec![0; 64], [&b"GGUF"[..], &[0; 64]].concat()] {
            std::fs::write(&local.path, damaged).unwrap();
            let said = format!("{:#}", built_in(&local, Ok(()), false).unwrap_err());
            assert!(said.contains("damaged"), "{said}");
        }
        let own = LocalModelConfig {
            path: folder.path().join("own.gguf"),
            ..local.clone()
        };
        let missing = built_in(&own, Ok(()), true).unwrap_err().to_string();
        assert!(
            missing.contains("own.gguf") && !missing.contains("pull"),
            "{missing}"
        );
        let old = || Err(anyhow::anyhow!("It lacks AVX2."));
        let unable = built_in(&local, old(), true).unwrap_err().to_string();
        assert_eq!(unable, "It lacks AVX2.");
        let said = built_in(&local, old(), false).unwrap();
        assert_eq!(said, "It lacks AVX2. The default is another one");
    }
}
