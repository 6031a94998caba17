//! Puts the parts together.

use std::sync::Arc;

use agent::AgentHandle;
use agent::driver::Deps;
use agent::lease::Lease;
use agent::scheduler::Scheduler;
use anyhow::{Context, Result, bail};
use bus::LocalBus;
use domain::{Bus, Clock, Ids, NodeId, Store};
use models::Catalog;
use secrecy::ExposeSecret;
use store::{OpenOptions, SqlStore};

use crate::commands::restore;
use crate::config::{Config, LocalModelConfig, boot_id};
use crate::local_file;
use crate::parameters::{SystemClock, SystemIds};

/// What every command that touches data needs.
pub struct Base {
    pub store: Arc<SqlStore>,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}

/// Opens the store, migrated. `serving` marks a server's start: a new epoch where the power may
/// have failed, and a clean stop at its end.
pub async fn base(config: &Config, serving: bool) -> Result<Base> {
    restore::refuse_half_restored(&config.data_dir)?;
    half_restored_or_not(config, serving).await
}

/// For the restore itself.
pub async fn half_restored_or_not(config: &Config, serving: bool) -> Result<Base> {
    let bus: Arc<dyn Bus> = Arc::new(LocalBus::default());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = SqlStore::open(OpenOptions {
        database_url: config.database_url.expose_secret().to_owned(),
        data_dir: config.data_dir.clone(),
        bus: Arc::clone(&bus),
        clock: Arc::clone(&clock),
        boot_id: boot_id(),
        serving,
    })
    .await
    .context("check --database-url and the data directory; `rejoinder doctor` tells more")?;
    Ok(Base {
        store: Arc::new(store),
        bus,
        clock,
        ids: Arc::new(SystemIds),
    })
}

/// All models that can be used, and the engines that must be stopped before the process ends.
pub struct Models {
    pub catalog: Arc<Catalog>,
    /// What the built-in engine runs, or would run.
    pub local: LocalModelConfig,
    engines: engines::Engines,
}

impl Models {
    pub fn new(config: &Config) -> Result<Self> {
        let (model, configured) = (config.model.as_deref(), &config.local_model);
        let named = local_file::in_place(model, configured, &config.data_dir)?;
        let mut default = config.model.clone();
        let local = named.as_ref().unwrap_or(configured).clone();
        let engines = engines::Engines::new(&local);
        if named.is_some() {
            let Some(model) = engines.models().first().cloned() else {
                bail!(
                    "{} can't be run: this build is without the built-in engine (feature `local`)",
                    local.path.display()
                );
            };
            default = Some(model.info().id.clone());
        }
        let catalog = Catalog::new(config.providers.clone(), default, engines.models())?;
        Ok(Self {
            catalog: Arc::new(catalog),
            local,
            engines,
        })
    }

    /// Ends the built-in engine; waits for the token that it computes.
    pub fn shutdown(&self) {
        self.engines.shutdown();
    }
}

#[cfg(feature = "local")]
mod engines {
    use std::sync::Arc;

    use agent::ports::Model;
    use local_model::{LocalConfig, LocalModel};

    use crate::config::LocalModelConfig;
    use crate::local_file::model_name;

    pub struct Engines(Vec<Arc<LocalModel>>);

    impl Engines {
        pub fn new(local: &LocalModelConfig) -> Self {
            if !local.enabled {
                return Self(Vec::new());
            }
            let path = local.path.clone();
            let base = if path.file_name() == Some(LocalConfig::SMOLLM2_FILE.as_ref()) {
                LocalConfig::smollm2(path)
            } else {
                let name = model_name(&path);
                LocalConfig::other(path, &name)
            };
            let model = LocalModel::new(LocalConfig {
                threads: local.threads.unwrap_or_else(LocalConfig::default_threads),
                idle_unload: local.idle,
                ..base
            });
            Self(vec![Arc::new(model)])
        }

        pub fn models(&self) -> Vec<Arc<dyn Model>> {
            self.0
                .iter()
                .map(|model| Arc::clone(model) as Arc<dyn Model>)
                .collect()
        }

        pub fn shutdown(&self) {
            self.0.iter().for_each(|model| model.shutdown());
        }
    }
}

#[cfg(not(feature = "local"))]
mod engines {
    use std::sync::Arc;

    use agent::ports::Model;

    use crate::config::LocalModelConfig;

    /// None in this build.
    pub struct Engines;

    impl Engines {
        pub fn new(local: &LocalModelConfig) -> Self {
            tracing::debug!(?local, "this build has no built-in model");
            Self
        }

        pub fn models(&self) -> Vec<Arc<dyn Model>> {
            Vec::new()
        }

        pub fn shutdown(&self) {}
    }
}

/// The agent's two halves: what the server asks, and what drives the runs.
pub fn agent(
    base: &Base,
    catalog: Arc<Catalog>,
    config: &Config,
) -> Result<(AgentHandle, Scheduler)> {
    let tools = tools::under(&tools::toolbox(&config.tools)?, &config.tool_policy)?;
    let handle = AgentHandle::new(catalog.clone(), tools.clone(), Arc::clone(&base.bus));
    let store: Arc<dyn Store> = base.store.clone();
    let deps = Deps {
        store,
        models: catalog,
        tools,
        clock: Arc::clone(&base.clock),
        ids: Arc::clone(&base.ids),
        limits: config.limits.clone(),
        lease: Arc::new(Lease::default()),
    };
    let (node, alone) = (NodeId::new(&*base.ids), config.is_sqlite());
    let scheduler = Scheduler::new(deps, Arc::clone(&base.bus), node, alone);
    Ok((handle, scheduler))
}
