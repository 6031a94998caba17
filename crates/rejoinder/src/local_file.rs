//! `--model local/PATH`: a file for the built-in engine, named where its model is chosen.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::config::LocalModelConfig;

/// What ends like this is a file; anything else is the name of a model.
const ENDING: &str = ".gguf";

/// The built-in engine's configuration where the choice of a model names a file: that one is run, in
/// place of the configured one.
pub fn in_place(
    model: Option<&str>,
    configured: &LocalModelConfig,
    data_dir: &Path,
) -> Result<Option<LocalModelConfig>> {
    let Some(model) = model else {
        return Ok(None);
    };
    let file = named(model, data_dir)?;
    Ok(file.map(|path| LocalModelConfig {
        enabled: true,
        path,
        ..configured.clone()
    }))
}

/// The file that the choice of a model names, if it names one: as it stands, seen from the working
/// directory, or among those that `model pull` fetched.
fn named(model: &str, data_dir: &Path) -> Result<Option<PathBuf>> {
    let path = model.strip_prefix("local/");
    let Some(path) = path.filter(|path| path.to_ascii_lowercase().ends_with(ENDING)) else {
        return Ok(None);
    };
    let fetched = data_dir.join("models").join(path);
    match [PathBuf::from(path), fetched]
        .into_iter()
        .find(|path| path.is_file())
    {
        Some(file) => Ok(Some(file)),
        None => bail!(
            "model \"{model}\" names a file, and there is none at {path}; write local/ and its \
             path (local//srv/models/x.gguf), or the name of a file that `rejoinder model pull` \
             fetched (local/x.gguf)"
        ),
    }
}

/// The name in the API of what is in this file: ids stand in URLs and headers.
#[cfg(any(feature = "local", test))]
pub fn model_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem.chars()
        .map(|c| match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() || "._-+".contains(c) => c,
            _ => '-',
        })
        .collect::<String>()
        .replace("..", "-")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_is_found_where_it_is_named_or_was_fetched() {
        let home = tempfile::tempdir().unwrap();
        let models = home.path().join("models");
        std::fs::create_dir(&models).unwrap();
        let (own, fetched) = (home.path().join("Own.GGUF"), models.join("a.gguf"));
        for file in [&own, &fetched] {
            std::fs::write(file, "GGUF").unwrap();
        }
        let named = |model: &str| named(model, home.path());
        let own_id = format!("local/{}", own.display());
        assert_eq!(named(&own_id).unwrap(), Some(own));
        assert_eq!(named("local/a.gguf").unwrap(), Some(fetched));
        for other in ["local/smollm2-135m-instruct", "lab/a.gguf", "a.gguf", ""] {
            assert_eq!(named(other).unwrap(), None, "{other}");
        }
        let missing = named("local//nowhere/b.gguf").unwrap_err().to_string();
        assert!(missing.contains("none at /nowhere/b.gguf"), "{missing}");
        // A folder is no file.
        std::fs::create_dir(models.join("c.gguf")).unwrap();
        assert!(named("local/c.gguf").is_err());
    }

    #[test]
    fn a_named_file_is_run_in_place_of_the_configured_one() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("x.gguf");
        std::fs::write(&file, "GGUF").unwrap();
        let configured = LocalModelConfig {
            enabled: false,
            path: home.path().join("configured.gguf"),
            threads: Some(3),
            idle: Duration::from_secs(5),
        };
        let in_place = |model: Option<&str>| in_place(model, &configured, home.path()).unwrap();
        let expected = LocalModelConfig {
            enabled: true,
            path: file.clone(),
            ..configured.clone()
        };
        let model = format!("local/{}", file.display());
        assert_eq!(in_place(Some(&model)), Some(expected));
        for other in [None, Some("local/smollm2-135m-instruct"), Some("lab/x")] {
            assert_eq!(in_place(other), None);
        }
    }

    #[test]
    fn names_stay_plain() {
        for (path, name) in [
            ("/srv/Qwen3-0.6B-Q4_K_M.gguf", "qwen3-0.6b-q4_k_m"),
            ("my model (1).gguf", "my-model--1-"),
            ("a..b.gguf", "a-b"),
        ] {
            assert_eq!(model_name(Path::new(path)), name);
        }
    }
}
