//! The server under test, with a database of its own.

use tempfile::TempDir;
use testkit::process::{Binary, Server};

use crate::Options;
use crate::model::Model;

pub struct Started {
    pub server: Server,
    _folder: TempDir,
}

/// With the limits that it has by default.
pub async fn start(options: &Options, model: &Model) -> Started {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    std::fs::create_dir(&data_dir).unwrap();
    let mut binary = Binary::new(&options.bin, &data_dir)
        .arg("--model", "openai/bench")
        .arg("--registration", "open")
        .env("OPENAI_API_KEY", "sk-bench")
        .env("OPENAI_BASE_URL", &model.base_url());
    if let Some(url) = &options.database_url {
        binary = binary.arg("--database-url", url);
    }
    Started {
        server: binary.start().await,
        _folder: folder,
    }
}
