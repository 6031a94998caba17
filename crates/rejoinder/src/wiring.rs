//! Puts the parts together.

use std::sync::Arc;

use agent::AgentHandle;
use agent::driver::Deps;
use agent::lease::Lease;
use agent::machine::Limits;
use agent::ports::{Model, Toolbox};
use agent::scheduler::Scheduler;
use anyhow::{Context, Result};
use bus::LocalBus;
use domain::{Bus, Clock, Ids, NodeId, Store};
use models::Catalog;
use secrecy::ExposeSecret;
use store::{OpenOptions, SqlStore};

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
    .context("the database can't be opened")?;
    Ok(Base {
        store: Arc::new(store),
        bus,
        clock,
        ids: Arc::new(SystemIds),
    })
}

/// All models that can be used.
pub fn catalog(config: &Config) -> Result<Arc<Catalog>> {
    let local = local_models(config);
    let catalog = Catalog::new(config.providers.clone(), config.model.clone(), local)?;
    Ok(Arc::new(catalog))
}

#[cfg(feature = "local")]
fn local_models(config: &Config) -> Vec<Arc<dyn Model>> {
    use local_model::{LocalConfig, LocalModel};

    let local = &config.local_model;
    if !local.enabled {
        return Vec::new();
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let model = LocalModel::new(LocalConfig {
        threads: local.threads.unwrap_or(cores.saturating_sub(1)).max(1),
        idle_unload: local.idle,
        ..LocalConfig::smollm2(local.path.clone())
    });
    vec![Arc::new(model)]
}

#[cfg(not(feature = "local"))]
fn local_models(config: &Config) -> Vec<Arc<dyn Model>> {
    if config.local_model.enabled {
        tracing::debug!("this build has no built-in model");
    }
    Vec::new()
}

/// The agent's two halves: what the server asks, and what drives the runs.
pub fn agent(base: &Base, catalog: Arc<Catalog>, alone: bool) -> (AgentHandle, Scheduler) {
    let tools: Toolbox = tools::built_in();
    let handle = AgentHandle::new(catalog.clone(), tools.clone(), Arc::clone(&base.bus));
    let store: Arc<dyn Store> = base.store.clone();
    let deps = Deps {
        store,
        models: catalog,
        tools,
        clock: Arc::clone(&base.clock),
        ids: Arc::clone(&base.ids),
        limits: Limits::default(),
        lease: Arc::new(Lease::default()),
    };
    let scheduler = Scheduler::new(deps, Arc::clone(&base.bus), NodeId::new(&*base.ids), alone);
    (handle, scheduler)
}
