//! `rejoinder doctor`: everything that a start needs, looked at one by one.

use std::process::ExitCode;

use agent::ports::ModelCatalog;
use anyhow::Result;
use domain::store::{Health, Maintenance};
use store::{DataDirLock, LockError};
use tokio::net::TcpListener;

use crate::config::{Config, DataFlags, ServeFlags};
use crate::{keys, wiring};

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
    let usable = config
        .create_data_dir()
        .map(|()| config.data_dir.display().to_string());
    let data_dir_usable = usable.is_ok();
    report.say("data directory", usable);
    if data_dir_usable {
        report.say(
            "signing key",
            keys::signing_key(&config).map(|_| "present".to_owned()),
        );
        let running = running(&config, &mut report);
        if !running {
            report.say("address", address(&config).await);
        }
        report.say("database", database(&config).await);
    }
    models(&config, &mut report).await;
    Ok(if report.failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
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
    let catalog = match wiring::Models::new(config) {
        Ok(models) => models.catalog,
        Err(error) => return report.say("models", Err(error)),
    };
    let names: Vec<String> = catalog
        .list()
        .await
        .into_iter()
        .map(|model| model.id)
        .collect();
    report.say(
        "models",
        match catalog.default_id() {
            Some(default) => Ok(format!("default {default}; {} known", names.len())),
            None => Err(anyhow::anyhow!(
                "none; see “Connecting a model” in the README"
            )),
        },
    );
    if config.local_model.enabled && cfg!(feature = "local") {
        let path = &config.local_model.path;
        report.say(
            "built-in model",
            if path.is_file() {
                Ok(path.display().to_string())
            } else {
                Err(anyhow::anyhow!(
                    "{} is missing: run `rejoinder model pull`",
                    path.display()
                ))
            },
        );
    }
}
