//! On what it was measured: a figure without it says nothing.

use std::fs::read_to_string;

use crate::Options;

pub fn print(options: &Options) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("environment");
    println!(
        "  processor  {cores} × {}",
        first("/proc/cpuinfo", "model name")
    );
    println!("  memory     {}", first("/proc/meminfo", "MemTotal"));
    println!(
        "  kernel     {}",
        read_to_string("/proc/sys/kernel/osrelease")
            .unwrap_or_default()
            .trim()
    );
    println!("  load       {} (1, 5, 15 minutes, at the start)", load());
    println!("  server     {}", options.bin.display());
    let database = if options.database_url.is_some() {
        "PostgreSQL"
    } else {
        "SQLite"
    };
    println!("  database   {database}");
    println!(
        "  phases     {} × {} s of each condition, taking turns",
        options.rounds, options.seconds
    );
    println!("  load generator and model share the machine with the server");
}

pub fn load() -> String {
    let text = read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace()
        .take(3)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The value of the first line with this key.
fn first(path: &str, key: &str) -> String {
    let text = read_to_string(path).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key));
    let value = line.and_then(|line| line.split_once(':'));
    value
        .map_or("unknown", |(_, value)| value.trim())
        .to_owned()
}
