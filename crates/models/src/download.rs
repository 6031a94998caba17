//! Fetches a large file: shows how far it is, goes on after a cut, and gives the file its name only
//! when it is whole.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt;
use reqwest::header::{CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use reqwest::{Response, StatusCode};
use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

use crate::client;

/// Without a byte for this long the connection counts as lost.
const SILENCE: Duration = Duration::from_secs(30);
/// Cuts in a row, without a byte in between, after which it is left to the operator.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);
const CHUNK: usize = 1 << 20;

/// What a person reads when a file could not be had.
#[derive(Debug, Error)]
pub enum DownloadError {
    #[error("{0} is no address that can be fetched: {1}")]
    Address(String, String),
    #[error("{url} answered {status}. Check the address; some files need an account there.")]
    Refused { url: String, status: StatusCode },
    #[error(
        "the connection was lost after {got} bytes ({why}). Run the same command again: it goes on \
         from there."
    )]
    Cut { got: u64, why: String },
    #[error("the file has the checksum {found}, not {wanted}. It was thrown away.")]
    Checksum { found: String, wanted: String },
    #[error("what {0} answers is no GGUF file. It was thrown away.")]
    NotGguf(String),
    #[error("{path}: {error}")]
    Disk { path: PathBuf, error: io::Error },
}

/// A file that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// Lower-case hex.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// `false`: it was there already.
    pub fetched: bool,
}

/// Fetches the GGUF file at `url` to `dest`, whose folder must exist. `sha256` (lower-case hex) is
/// what it must hash to; without it, what it hashes to is only noted, in `<dest>.sha256`. A file that
/// is there and has the wanted, or the noted, checksum is not fetched again. `progress` hears the
/// bytes that are there and, where the server says so, how many there will be.
///
/// # Errors
/// What has arrived stays in `<dest>.part` after [`DownloadError::Cut`] and
/// [`DownloadError::Disk`]; the next call goes on from there.
pub async fn download(
    url: &str,
    dest: &Path,
    sha256: Option<&str>,
    progress: &mut (dyn FnMut(u64, Option<u64>) + Send),
) -> Result<Downloaded, DownloadError> {
    if let Some(there) = present(dest, sha256)? {
        return Ok(there);
    }
    let part = beside(dest, ".part");
    let tag = beside(dest, ".part.etag");
    fetch(url, &part, &tag, progress).await?;
    let thrown_away = |error| {
        let _ = std::fs::remove_file(&part);
        let _ = std::fs::remove_file(&tag);
        error
    };
    let (found, size, magic) = hash(&part).map_err(disk(&part))?;
    if &magic != b"GGUF" {
        return Err(thrown_away(DownloadError::NotGguf(url.to_owned())));
    }
    if let Some(wanted) = sha256.filter(|wanted| *wanted != found) {
        let wanted = wanted.to_owned();
        return Err(thrown_away(DownloadError::Checksum { found, wanted }));
    }
    std::fs::rename(&part, dest).map_err(disk(dest))?;
    let _ = std::fs::remove_file(&tag);
    note(dest, &found)?;
    Ok(Downloaded {
        sha256: found,
        size,
        fetched: true,
    })
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

fn disk(path: &Path) -> impl Fn(io::Error) -> DownloadError + use<> {
    let path = path.to_owned();
    move |error| DownloadError::Disk {
        path: path.clone(),
        error,
    }
}

/// In the form that `sha256sum --check` reads.
fn note(dest: &Path, sha256: &str) -> Result<(), DownloadError> {
    let name = dest.file_name().unwrap_or_default().to_string_lossy();
    let path = beside(dest, ".sha256");
    std::fs::write(&path, format!("{sha256}  {name}\n")).map_err(disk(&path))
}

/// The file as it is, where it is the wanted one.
fn present(dest: &Path, sha256: Option<&str>) -> Result<Option<Downloaded>, DownloadError> {
    if !dest.exists() {
        return Ok(None);
    }
    let (found, size, _) = hash(dest).map_err(disk(dest))?;
    let noted = std::fs::read_to_string(beside(dest, ".sha256")).unwrap_or_default();
    let wanted = sha256.or_else(|| noted.split_whitespace().next());
    if wanted != Some(found.as_str()) {
        // Another file of this name, or a damaged one: replaced once the new one is whole.
        return Ok(None);
    }
    Ok(Some(Downloaded {
        sha256: found,
        size,
        fetched: false,
    }))
}

/// Checksum, size and the first four bytes.
fn hash(path: &Path) -> io::Result<(String, u64, [u8; 4])> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let (mut size, mut magic) = (0, [0; 4]);
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok((hex::encode(hash.finalize()), size, magic));
        }
        if size == 0 && n >= 4 {
            magic.copy_from_slice(&buffer[..4]);
        }
        hash.update(&buffer[..n]);
        size += n as u64;
    }
}

async fn fetch(
    url: &str,
    part: &Path,
    tag: &Path,
    progress: &mut (dyn FnMut(u64, Option<u64>) + Send),
) -> Result<(), DownloadError> {
    let address = |why: String| DownloadError::Address(url.to_owned(), why);
    let client = client::for_files(url, SILENCE).map_err(|error| address(error.to_string()))?;
    let mut cuts = 0;
    loop {
        let got = std::fs::metadata(part).map_or(0, |there| there.len());
        let known = std::fs::read_to_string(tag).unwrap_or_default();
        let mut request = client.get(url);
        // Without a name for this version of the file, the rest of another one could be appended.
        let resumes = got > 0 && !known.is_empty();
        if resumes {
            request = request
                .header(RANGE, format!("bytes={got}-"))
                .header(IF_RANGE, &known);
        }
        let why = match request.send().await {
            Err(error) if error.is_builder() => return Err(address(error.to_string())),
            Err(error) => error.without_url().to_string(),
            Ok(response) => match take(response, url, got, part, tag, progress).await? {
                None => return Ok(()),
                Some(why) => why,
            },
        };
        let now = std::fs::metadata(part).map_or(0, |there| there.len());
        cuts = if now > got { 0 } else { cuts + 1 };
        if cuts >= ATTEMPTS {
            return Err(DownloadError::Cut { got: now, why });
        }
        sleep(PAUSE * (cuts + 1)).await;
    }
}

/// Writes one answer. `None`: the file is whole; otherwise why it is not.
async fn take(
    response: Response,
    url: &str,
    got: u64,
    part: &Path,
    tag: &Path,
    progress: &mut (dyn FnMut(u64, Option<u64>) + Send),
) -> Result<Option<String>, DownloadError> {
    let status = response.status();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Ok(Some(format!("the server answered {status}")));
    }
    if status == StatusCode::RANGE_NOT_SATISFIABLE {
        // What is there is not a beginning of it.
        let _ = std::fs::remove_file(part);
        return Ok(Some("the server can't go on from there".to_owned()));
    }
    let from = match status {
        StatusCode::OK => 0,
        StatusCode::PARTIAL_CONTENT if begins_at(&response) == Some(got) => got,
        _ => {
            return Err(DownloadError::Refused {
                url: url.to_owned(),
                status,
            });
        }
    };
    let name = response.headers().get(ETAG).and_then(|v| v.to_str().ok());
    // A weak one does not promise the same bytes.
    let name = name.filter(|name| !name.starts_with("W/"));
    std::fs::write(tag, name.unwrap_or_default()).map_err(disk(tag))?;
    let whole = response.content_length().map(|rest| from + rest);
    let mut file = if from == 0 {
        File::create(part).await
    } else {
        fs::OpenOptions::new().append(true).open(part).await
    }
    .map_err(disk(part))?;
    let mut size = from;
    let mut body = response.bytes_stream();
    let mut cut = None;
    while let Some(chunk) = body.next().await {
        match chunk {
            Ok(bytes) => {
                file.write_all(&bytes).await.map_err(disk(part))?;
                size += bytes.len() as u64;
                progress(size, whole);
            }
            Err(error) => {
                cut = Some(error.without_url().to_string());
                break;
            }
        }
    }
    file.flush().await.map_err(disk(part))?;
    file.sync_all().await.map_err(disk(part))?;
    Ok(cut.or_else(|| {
        whole
            .filter(|whole| *whole != size)
            .map(|_| "it ended early".to_owned())
    }))
}

fn begins_at(response: &Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range
        .strip_prefix("bytes ")?
        .split('-')
        .next()?
        .parse()
        .ok()
}
