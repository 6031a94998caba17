//! `rejoinder`: the server and its operator's commands.

// Here, where both are armed (`config::environment`): nothing else does what they are for. A profile
// has no other mark than its assertions.
#[cfg(all(
    any(feature = "failpoints", feature = "sabotage"),
    not(debug_assertions)
))]
compile_error!(
    "the features `failpoints` and `sabotage` kill the process and turn its promises off: never in a \
     release build (scripts/failpoints.sh makes a debug one)"
);

mod commands;
mod config;
mod keys;
mod lifecycle;
mod local_file;
mod manifest;
mod model_file;
mod parameters;
mod telemetry;
mod wiring;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use config::{DataFlags, ServeFlags};

/// A self-hosted web chat in front of an AI agent. A reply is never lost.
#[derive(Parser)]
#[command(version, about, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    data: DataFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the server
    Serve(ServeFlags),
    /// Bring the database up to this version and stop
    Migrate,
    /// Copy database and key into a new directory, also while the server runs
    Backup {
        /// A directory that does not exist yet
        into: PathBuf,
    },
    /// Put a backup into the data directory (server stopped)
    Restore {
        /// A directory that `backup` made
        #[arg(required_unless_present = "database_restored")]
        from: Option<PathBuf>,
        /// Set the present database aside instead of refusing
        #[arg(long)]
        replace: bool,
        /// The database itself was restored already, by pg_restore or from a snapshot of its disk:
        /// make open pages load everything again
        #[arg(long, conflicts_with_all = ["from", "replace"])]
        database_restored: bool,
    },
    /// Add and change accounts, also while the server runs
    #[command(subcommand)]
    User(commands::user::UserCommand),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check everything that a start needs, and say what is wrong
    Doctor(ServeFlags),
    /// Print the OpenAPI document of this version
    Openapi,
    /// Look at the models that can be used, and fetch files of models
    #[command(subcommand)]
    Model(ModelCommand),
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// What holds after file, environment and flags, with secrets masked
    Show(ServeFlags),
}

#[derive(Subcommand)]
enum ModelCommand {
    /// Names of all models, the default first
    List(ServeFlags),
    /// Fetch a model into the data directory; a cut download goes on, a whole file stays
    Pull {
        /// A GGUF file: https://…, or hf:OWNER/REPO/FILE. Without it, the model that comes with the
        /// product
        source: Option<String>,
        /// What the file must hash to
        #[arg(long, value_name = "HEX", requires = "source", value_parser = commands::pull::checksum)]
        sha256: Option<String>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("rejoinder: the runtime could not be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("rejoinder: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let data = &cli.data;
    match cli.command {
        Command::Serve(flags) => return commands::serve::run(data, &flags).await,
        Command::Migrate => commands::migrate::run(data).await?,
        Command::Backup { into } => commands::backup::run(data, &into).await?,
        Command::Restore {
            from: Some(from),
            replace,
            ..
        } => commands::restore::run(data, &from, replace).await?,
        Command::Restore { .. } => commands::restore::announce(data).await?,
        Command::User(command) => commands::user::run(data, command).await?,
        Command::Config(ConfigCommand::Show(flags)) => commands::config::show(data, &flags)?,
        Command::Doctor(flags) => return commands::doctor::run(data, &flags).await,
        Command::Openapi => print!("{}", server::openapi_json()),
        Command::Model(ModelCommand::List(flags)) => commands::models::list(data, &flags).await?,
        Command::Model(ModelCommand::Pull { source, sha256 }) => {
            commands::pull::run(data, source.as_deref(), sha256.as_deref()).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Cli, config};

    fn variables(command: &clap::Command, found: &mut Vec<String>) {
        let own = command.get_arguments().filter_map(clap::Arg::get_env);
        found.extend(own.map(|name| name.to_string_lossy().into_owned()));
        for below in command.get_subcommands() {
            variables(below, found);
        }
    }

    #[test]
    fn the_variable_of_every_flag_is_known() {
        let mut found = Vec::new();
        variables(&Cli::command(), &mut found);
        assert!(found.len() > 8, "{found:?}");
        for name in found {
            assert!(config::is_known(&name), "{name}");
        }
    }
}
