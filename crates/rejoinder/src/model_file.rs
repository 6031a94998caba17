//! Whether a file is a whole GGUF model, as far as that can be seen without loading it.
//!
//! The format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

const CHUNK: usize = 1 << 20;
/// More entries than any model has: a number beyond is damage, not size.
const ENTRIES: u64 = 1_000_000;
/// Type numbers of values in the metadata.
const TEXT: u32 = 8;
const ARRAY: u32 = 9;
/// Sizes of the other types, by their number.
const SIZES: [u64; 13] = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];

/// Answers how it was found to be whole: by the checksum that is known of it (`expected`, or the one
/// that was noted beside it when it was fetched), else by its own table of contents.
///
/// # Errors
/// What is wrong with it.
pub fn check(path: &Path, expected: Option<&str>) -> Result<&'static str> {
    let noted = std::fs::read_to_string(noted_beside(path)).unwrap_or_default();
    let expected = expected.or_else(|| noted.split_whitespace().next());
    let mut file = File::open(path).context("it can't be read")?;
    let Some(expected) = expected else {
        contents(&file).context("it is damaged, or no GGUF file")?;
        return Ok("as long as it says (its checksum is not known)");
    };
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        let n = file.read(&mut buffer).context("it can't be read")?;
        if n == 0 {
            break;
        }
        hash.update(&buffer[..n]);
    }
    let found = hex::encode(hash.finalize());
    ensure!(
        found == expected,
        "it is damaged: its checksum is {found}, not {expected}"
    );
    Ok("whole, by its checksum")
}

fn noted_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".sha256");
    path.with_file_name(name)
}

/// Reads the header, the metadata and the table of tensors; the last one's data must begin inside
/// the file.
fn contents(file: &File) -> io::Result<()> {
    let length = file.metadata()?.len();
    let mut reader = Reader(BufReader::new(file));
    let mut magic = [0; 4];
    reader.0.read_exact(&mut magic)?;
    damaged_unless(&magic == b"GGUF", "it does not begin with GGUF")?;
    let version = reader.u32()?;
    damaged_unless((2..=3).contains(&version), "its version is unknown")?;
    let (tensors, pairs) = (reader.u64()?, reader.u64()?);
    damaged_unless(
        (1..ENTRIES).contains(&tensors) && pairs < ENTRIES,
        "it has no tensors, or too many",
    )?;
    for _ in 0..pairs {
        reader.skip_text()?;
        let kind = reader.u32()?;
        reader.skip_value(kind)?;
    }
    let mut last = 0;
    for _ in 0..tensors {
        reader.skip_text()?;
        let dimensions = reader.u32()?;
        damaged_unless(dimensions <= 8, "a tensor has too many dimensions")?;
        reader.skip(u64::from(dimensions) * 8 + 4)?;
        last = last.max(reader.u64()?);
    }
    let begin = reader.0.stream_position()?;
    damaged_unless(begin.saturating_add(last) < length, "its end is missing")
}

struct Reader<'a>(BufReader<&'a File>);

impl Reader<'_> {
    fn u32(&mut self) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.0.read_exact(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn u64(&mut self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.0.read_exact(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Going past the end is noticed by the next read.
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let bytes = i64::try_from(bytes).map_err(|_| damaged("a length is too large"))?;
        self.0.seek_relative(bytes)
    }

    fn skip_text(&mut self) -> io::Result<()> {
        let length = self.u64()?;
        self.skip(length)
    }

    fn skip_value(&mut self, kind: u32) -> io::Result<()> {
        match kind {
            TEXT => self.skip_text(),
            ARRAY => {
                let (kind, count) = (self.u32()?, self.u64()?);
                damaged_unless(kind != ARRAY, "an array holds arrays")?;
                if kind == TEXT {
                    damaged_unless(count < ENTRIES, "an array is too long")?;
                    return (0..count).try_for_each(|_| self.skip_text());
                }
                self.skip(size_of(kind)?.saturating_mul(count))
            }
            other => self.skip(size_of(other)?),
        }
    }
}

fn size_of(kind: u32) -> io::Result<u64> {
    let size = SIZES.get(kind as usize).copied().filter(|size| *size > 0);
    size.ok_or_else(|| damaged("a value has an unknown type"))
}

fn damaged(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn damaged_unless(right: bool, why: &'static str) -> io::Result<()> {
    if right { Ok(()) } else { Err(damaged(why)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One tensor of eight bytes, a text, a list of texts and a number.
    fn model() -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        let text = |out: &mut Vec<u8>, text: &str| {
            out.extend((text.len() as u64).to_le_bytes());
            out.extend(text.as_bytes());
        };
        file.extend(3u32.to_le_bytes());
        file.extend(1u64.to_le_bytes());
        file.extend(3u64.to_le_bytes());
        text(&mut file, "general.name");
        file.extend(TEXT.to_le_bytes());
        text(&mut file, "tiny");
        text(&mut file, "tokens");
        file.extend(ARRAY.to_le_bytes());
        file.extend(TEXT.to_le_bytes());
        file.extend(2u64.to_le_bytes());
        text(&mut file, "a");
        text(&mut file, "b");
        text(&mut file, "context");
        file.extend(4u32.to_le_bytes());
        file.extend(2_048u32.to_le_bytes());
        text(&mut file, "weights");
        file.extend(1u32.to_le_bytes());
        file.extend(2u64.to_le_bytes());
        file.extend(0u32.to_le_bytes());
        file.extend(0u64.to_le_bytes());
        file.extend([7; 8]);
        file
    }

    #[test]
    fn a_model_is_told_from_what_only_begins_like_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.gguf");
        let check = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            super::check(&path, None)
        };
        check(&model()).unwrap();
        let zeros = [&b"GGUF"[..], &[0; 4_096]].concat();
        let cut = model();
        for bad in [
            &[0; 4_096][..],
            &zeros,
            b"GGUF",
            b"",
            &cut[..cut.len() - 8],
            &cut[..60],
        ] {
            let said = check(bad).unwrap_err();
            assert!(format!("{said:#}").contains("damaged"), "{said:#}");
        }
    }

    #[test]
    fn a_known_checksum_decides() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.gguf");
        std::fs::write(&path, model()).unwrap();
        let sha256 = hex::encode(Sha256::digest(model()));
        check(&path, Some(&sha256)).unwrap();
        std::fs::write(noted_beside(&path), format!("{sha256}  m.gguf\n")).unwrap();
        assert!(check(&path, None).unwrap().contains("checksum"));
        let mut other = model();
        *other.last_mut().unwrap() ^= 1;
        std::fs::write(&path, other).unwrap();
        for expected in [None, Some(sha256.as_str())] {
            let said = check(&path, expected).unwrap_err().to_string();
            assert!(said.contains("damaged") && said.contains(&sha256), "{said}");
        }
    }
}
