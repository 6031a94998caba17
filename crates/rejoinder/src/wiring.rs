//! Puts the parts together.

use std::sync::Arc;

use agent::AgentHandle;
use agent::driver::Deps;
use agent::lease::Lease;
use agent::scheduler::Scheduler;
use anyhow::{Context, Result};
use bus::LocalBus;
use domain::{Bus, Clock, Ids, NodeId, Store};
use models::Catalog;
use secrecy::ExposeSecret;
use store::{OpenOptions, SqlStore};

use crate::commands::restore;
use crate::config::{Config, boot_id};
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
    engines: engines::Engines,
}

impl Models {
    pub fn new(config: &Config) -> Result<Self> {
        let engines = engines::Engines::new(&config.local_model);
        let catalog = Catalog::new(
            config.providers.clone(),
            config.model.clone(),
            engines.models(),
        )?;
        Ok(Self {
            catalog: Arc::new(catalog),
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

    pub struct Engines(Vec<Arc<LocalModel>>);

    impl Engines {
        pub fn new(local: &LocalModelConfig) -> Self {
            if !local.enabled {
                return Self(Vec::new());
            }
            let name = local
                .path
                .file_stem()
                .map(|name| name.to_string_lossy().to_lowercase());
            let base = match name {
                Some(name)
                    if local.path.file_name() != Some(LocalConfig::SMOLLM2_FILE.as_ref()) =>
                {
                    LocalConfig::other(local.path.clone(), &name)
                }
                _ => LocalConfig::smollm2(local.path.clone()),
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
    let tools = tools::toolbox(&config.tools)?;
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
