//! Logs to standard error, metrics to whoever asks.

use std::io::IsTerminal;

use anyhow::{Context, Result};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::{Config, LogFormat};

/// At `trace` it writes down every frame: what people say, and the token that renews a login. Of what is
/// asked for nothing else tells a secret (chaos, `p7_secrets`).
const FRAMES: &str = "tungstenite=info";

pub fn logs(config: &Config) -> Result<()> {
    let filter = EnvFilter::try_new(&config.log).with_context(|| {
        format!(
            "log is `{}`; it must be a level such as info, or a filter such as debug,sqlx=warn",
            config.log
        )
    })?;
    let talkative = filter.max_level_hint() > Some(LevelFilter::INFO);
    let filter = if talkative {
        filter.add_directive(FRAMES.parse()?)
    } else {
        filter
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}

pub fn metrics() -> Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .install_recorder()
        .context("metrics could not be set up")
}
