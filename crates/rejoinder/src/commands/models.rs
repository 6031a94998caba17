//! `rejoinder model list`.

use agent::ports::{ModelCatalog, ModelList};
use anyhow::Result;

use crate::config::{Config, DataFlags, ServeFlags};
use crate::wiring;

pub async fn list(data: &DataFlags, flags: &ServeFlags) -> Result<()> {
    let config = Config::load(data, flags)?;
    let catalog = wiring::Models::new(&config)?.catalog;
    let ModelList { models, unlisted } = catalog.list().await;
    let default = catalog.default_id();
    for silent in &unlisted {
        eprintln!(
            "{} did not list its models: {}",
            silent.provider, silent.error
        );
    }
    if models.is_empty() && unlisted.is_empty() {
        println!("No model is configured. See “Connecting a model” in the README.");
    }
    for model in models {
        let mark = if Some(&model.id) == default.as_ref() {
            "*"
        } else {
            " "
        };
        println!(
            "{mark} {:<48} {} ({} tokens)",
            model.id, model.label, model.context_window
        );
    }
    Ok(())
}
