//! The long runs, and the repetition of one.

use chaos::database::Kind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use testkit::Dice;

/// Kills the real binary and compares what clients were told with what is there. Ends with an error
/// when a promise was broken. PostgreSQL: REJOINDER_TEST_POSTGRES_URL.
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
        #[arg(long, default_value_t = 100)]
        trials: u64,
        /// Of an earlier run, to repeat it
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
}

#[derive(Args)]
struct On {
    #[arg(long, value_enum, default_value_t = Name::Sqlite)]
    database: Name,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    Sqlite,
    Postgres,
}

impl From<Name> for Kind {
    fn from(name: Name) -> Self {
        match name {
            Name::Sqlite => Self::Sqlite,
            Name::Postgres => Self::Postgres,
        }
    }
}

#[tokio::main]
async fn main() {
    match Cli::parse().command {
        Command::Kill { on, trials, seed } => {
            let database = Kind::from(on.database).fresh().await;
            let seed = seed.unwrap_or_else(Dice::seed);
            chaos::kill::trials(&database, trials, seed).await;
        }
        Command::Matrix { on, failpoint } => {
            chaos::crash::matrix(on.database.into(), failpoint).await;
        }
    }
}
