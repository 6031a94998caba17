//! The long runs, the repetition of one, the checker on a log that was kept, and the kept databases.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chaos::history::{self, State};
use chaos::{Kind, kept, kill};
use clap::{Args, Parser, Subcommand, ValueEnum};
use testkit::Dice;

/// Kills the real binary and compares what clients were told with what is there.
///
/// Ends with 1 when a promise was broken. PostgreSQL: REJOINDER_TEST_POSTGRES_URL.
#[derive(Parser)]
#[command(name = "chaos")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Kills at random moments, under writers (P1, P2, P4)
    Kill {
        #[command(flatten)]
        on: On,
        /// Kills per database, in groups of 50
        #[arg(long, default_value_t = kill::GROUP)]
        trials: u64,
        /// Of the first group; the others count up from it. Repeats a group of an earlier run
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Death at every failpoint, at its first, second and third hit (P4)
    Matrix {
        #[command(flatten)]
        on: On,
        /// Only this one, such as after_claim:2
        #[arg(long)]
        failpoint: Option<String>,
    },
    /// Every write, sync, cut and open of the database's files fails once (P1c)
    Disk,
    /// Writes the kept database of a schema to `fixtures`, anew (P20)
    Keep {
        #[command(flatten)]
        on: On,
        /// Number of its last migration, 2 or more
        schema: i64,
    },
    /// Holds a log against the state that was kept beside it
    Check {
        /// history.jsonl, or the folder that holds it
        log: PathBuf,
        /// Instead of state.json beside the log
        #[arg(long)]
        state: Option<PathBuf>,
    },
}

#[derive(Args)]
struct On {
    #[arg(long, value_enum, default_value_t = Name::Both)]
    database: Name,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Name {
    Sqlite,
    Postgres,
    /// At the same time
    Both,
}

impl Name {
    fn has(self, kind: Kind) -> bool {
        match self {
            Self::Both => true,
            Self::Sqlite => kind == Kind::Sqlite,
            Self::Postgres => kind == Kind::Postgres,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let held = match Cli::parse().command {
        Command::Kill { on, trials, seed } => {
            let seed = seed.unwrap_or_else(Dice::seed);
            kills(on.database, trials, seed).await
        }
        Command::Matrix { on, failpoint } => {
            for kind in [Kind::Sqlite, Kind::Postgres] {
                if on.database.has(kind) {
                    chaos::crash::matrix(kind, failpoint.clone()).await;
                }
            }
            true
        }
        Command::Disk => {
            chaos::disk::sweep(true, Dice::seed()).await;
            true
        }
        Command::Keep { on, schema } => {
            for kind in [Kind::Sqlite, Kind::Postgres] {
                if on.database.has(kind) {
                    kept::make::make(kind, schema).await;
                }
            }
            true
        }
        Command::Check { log, state } => match check(&log, state) {
            Ok(held) => held,
            Err(error) => {
                eprintln!("chaos: {}: {error}", log.display());
                return ExitCode::from(2);
            }
        },
    };
    if held {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn kills(database: Name, trials: u64, seed: u64) -> bool {
    println!(
        "{trials} kills per database, in groups of {}, seeds from {seed}",
        kill::GROUP
    );
    let on = |kind| async move {
        match database.has(kind) {
            true => Some((kind, kill::groups(kind, trials, seed).await)),
            false => None,
        }
    };
    let (sqlite, postgres) = tokio::join!(on(Kind::Sqlite), on(Kind::Postgres));
    let mut kept = true;
    for (kind, broken) in [sqlite, postgres].into_iter().flatten() {
        let (name, seeds) = (kind.name(), broken.iter().map(|group| group.seed));
        let seeds: Vec<u64> = seeds.collect();
        println!(
            "{name}: {trials} trials, {} groups broken {seeds:?}",
            seeds.len()
        );
        kept &= seeds.is_empty();
    }
    kept
}

fn check(log: &Path, state: Option<PathBuf>) -> std::io::Result<bool> {
    let log = if log.is_dir() {
        log.join("history.jsonl")
    } else {
        log.to_owned()
    };
    let state = state.unwrap_or_else(|| log.with_file_name("state.json"));
    let verdict = history::check(&history::load(&log)?, &State::load(&state)?);
    println!("{verdict}");
    for broken in &verdict.broken {
        println!("BROKEN: {broken}");
    }
    Ok(verdict.broken.is_empty())
}
