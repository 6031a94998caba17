//! The promises that are a matter of time, as ratios of one run: P10 (a slow client costs nothing)
//! and P11 (one user's flood doesn't starve others). README.md says what is measured and how to read
//! it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement that can't go on should panic where it is"
)]

mod crowd;
mod environment;
mod figures;
mod model;
mod p10;
mod p11;
mod person;
mod server;
mod slow;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use figures::Verdict;

/// Measures the real server under load, and compares it with itself.
#[derive(Parser)]
#[command(version, about)]
pub struct Options {
    /// What to measure: p10, p11; without any, all
    promises: Vec<String>,
    /// The server's binary
    #[arg(long, default_value = "target/release/rejoinder")]
    pub bin: std::path::PathBuf,
    /// `postgres://…`; SQLite without it. What is made there stays
    #[arg(long)]
    pub database_url: Option<String>,
    /// How often the two conditions take turns
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Length of one phase, in seconds
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// Time between phases that is not measured, in seconds: connections come and go, and slow readers
    /// are given what the system takes for them
    #[arg(long, default_value_t = 20)]
    pub settle: u64,
    /// P10: people with an answer streaming and a reader that takes it at once
    #[arg(long, default_value_t = 50)]
    pub fast: usize,
    /// P10: readers of the same answers that take 0 to 100 bytes a second
    #[arg(long, default_value_t = 500)]
    pub slow: usize,
    /// P11: people who ask and read
    #[arg(long, default_value_t = 20)]
    pub normal: usize,
    /// P11: connections over which one user sends without pause
    #[arg(long, default_value_t = 16)]
    pub lanes: usize,
}

impl Options {
    pub fn phase(&self) -> Duration {
        Duration::from_secs(self.seconds.max(1))
    }

    pub async fn settle(&self) {
        tokio::time::sleep(Duration::from_secs(self.settle)).await;
    }

    fn wants(&self, promise: &str) -> bool {
        self.promises.is_empty() || self.promises.iter().any(|wanted| wanted == promise)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(unknown) = options
        .promises
        .iter()
        .find(|p| !["p10", "p11"].contains(&p.as_str()))
    {
        eprintln!("there is no bench {unknown:?}; there are p10 and p11");
        return ExitCode::from(2);
    }
    environment::print(&options);
    let mut verdicts: Vec<Verdict> = Vec::new();
    if options.wants("p10") {
        verdicts.extend(p10::measure(&options).await);
    }
    if options.wants("p11") {
        verdicts.extend(p11::measure(&options).await);
    }
    println!("\nverdicts");
    for verdict in &verdicts {
        println!("  {verdict}");
    }
    println!("  load average at the end: {}", environment::load());
    if verdicts.iter().all(|verdict| verdict.kept) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
