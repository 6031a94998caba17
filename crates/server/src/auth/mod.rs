//! Who is asking: passwords, tokens, tickets, and the extractors that handlers use.

pub(crate) mod cookie;
pub(crate) mod extractor;
pub(crate) mod first;
pub(crate) mod issue;
pub mod jwt;
pub mod password;
pub mod refresh;
pub(crate) mod tickets;

pub(crate) use extractor::{Account, Admin, OwnPage, require_own_page};
pub use first::NewSetupCode;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// HMAC-SHA256, which takes keys of any length.
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac,
        Err(error) => unreachable!("HMAC takes any key: {error}"),
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Compares without telling by its time where the difference is.
pub(crate) fn same_secret(a: &[u8], b: &[u8]) -> bool {
    // Comparing MACs under a fixed key hides both content and length.
    let (a, b) = (hmac_sha256(b"compare", &[a]), hmac_sha256(b"compare", &[b]));
    a.iter()
        .zip(b.iter())
        .fold(0, |difference, (x, y)| difference | (x ^ y))
        == 0
}
