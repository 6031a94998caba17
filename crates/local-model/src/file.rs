//! The model file: there, whole, and hashed only once.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use agent::ports::ModelError;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::LocalConfig;
use crate::failure;

const CHUNK: usize = 1_024 * 1_024;

/// Beside the file, with `.verified` after its name: what was hashed, when it looked like this.
/// `scripts/fetch-model.py` writes the same.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    sha256: String,
    size: u64,
    modified_ns: u64,
}

/// Refuses what llama.cpp should not be given.
pub(crate) fn check(config: &LocalConfig) -> Result<(), ModelError> {
    let label = &config.label;
    let refused = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => failure::missing(label),
        _ => failure::unreadable(label, &error),
    };
    let mut file = File::open(&config.path).map_err(refused)?;
    let metadata = file.metadata().map_err(refused)?;
    if !metadata.is_file() {
        return Err(failure::missing(label));
    }
    let mut magic = [0; 4];
    if file.read_exact(&mut magic).is_err() || &magic != b"GGUF" {
        return Err(failure::damaged(label));
    }
    let Some(expected) = &config.sha256 else {
        return Ok(());
    };
    let modified = metadata
        .modified()
        .ok()
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let marker = Marker {
        sha256: expected.clone(),
        size: metadata.len(),
        modified_ns: modified
            .and_then(|since| u64::try_from(since.as_nanos()).ok())
            .unwrap_or_default(),
    };
    let beside = marker_path(&config.path);
    if read_marker(&beside).as_ref() == Some(&marker) {
        return Ok(());
    }
    let mut hash = Sha256::new();
    hash.update(magic);
    let mut buffer = vec![0; CHUNK];
    loop {
        let n = file.read(&mut buffer).map_err(refused)?;
        if n == 0 {
            break;
        }
        hash.update(&buffer[..n]);
    }
    if hex::encode(hash.finalize()) != *expected {
        return Err(failure::damaged(label));
    }
    write_marker(&beside, &marker);
    Ok(())
}

fn marker_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".verified");
    path.with_file_name(name)
}

fn read_marker(path: &Path) -> Option<Marker> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// A folder that can't be written only costs the hash at each load.
fn write_marker(path: &Path, marker: &Marker) {
    let part = path.with_extension("verified.part");
    let written = serde_json::to_vec(marker)
        .map_err(std::io::Error::from)
        .and_then(|json| fs::write(&part, json))
        .and_then(|()| fs::rename(&part, path));
    if let Err(error) = written {
        tracing::debug!(%error, "the marker of the model file can't be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent::ports::ModelErrorKind;

    fn config(path: PathBuf, sha256: Option<String>) -> LocalConfig {
        LocalConfig {
            sha256,
            ..LocalConfig::other(path, "test")
        }
    }

    #[test]
    fn a_file_is_hashed_once_and_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.gguf");
        fs::write(&path, b"GGUF and more").unwrap();
        let sha256 = hex::encode(Sha256::digest(b"GGUF and more"));
        let config = config(path.clone(), Some(sha256.clone()));
        assert_eq!(check(&config), Ok(()));
        let marker = read_marker(&marker_path(&path)).unwrap();
        assert_eq!((marker.sha256, marker.size), (sha256, 13));
        assert_eq!(check(&config), Ok(()));
        fs::write(&path, b"GGUF and less").unwrap();
        // The same second or not: the size alone would not tell.
        File::open(&path).unwrap().set_modified(UNIX_EPOCH).unwrap();
        assert_eq!(check(&config), Err(failure::damaged("test (built in)")));
    }

    #[test]
    fn what_is_no_model_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.gguf");
        let missing = check(&config(path.clone(), None)).unwrap_err();
        assert_eq!(missing.kind, ModelErrorKind::NotConfigured);
        assert!(missing.detail.contains("rejoinder model pull"), "{missing}");
        fs::write(&path, b"GG").unwrap();
        assert_eq!(
            check(&config(path.clone(), None)),
            Err(failure::damaged("test (built in)"))
        );
        fs::write(&path, b"GGUF").unwrap();
        assert_eq!(check(&config(path, None)), Ok(()));
        assert!(check(&config(folder.path().to_owned(), None)).is_err());
    }
}
