//! Passwords as Argon2id with 19 MiB, two passes, one lane (OWASP's first recommendation).

mod hasher;

use std::sync::LazyLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use crate::limits::{PASSWORD_HASHES, PASSWORD_WAIT};
use hasher::Hasher;

/// Verified against when there is no such account, so that it takes as long. No password is known
/// to match it.
pub const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$cmVqb2luZGVyLWR1bW15$\
                         6SHsuXStuITnT6VOEF0RGqB9O1Cw4aPjVYxqUc8xXgM";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too many are being computed; nothing was done.
    #[error("too many password checks are going on")]
    Busy,
    #[error("password hashing failed: {0}")]
    Internal(String),
}

static GATE: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(PASSWORD_HASHES));

/// The PHC string of a password, with a fresh salt from the operating system.
pub async fn hash(password: &str) -> Result<String, PasswordError> {
    let password = password.as_bytes().to_vec();
    gated(move || {
        Hasher
            .hash_password(&password)
            .map(|hash| hash.to_string())
            .map_err(|error| PasswordError::Internal(error.to_string()))
    })
    .await
}

/// Whether the password is the one of the PHC string. A string that can't be read matches nothing.
pub async fn verify(password: &str, phc: &str) -> Result<bool, PasswordError> {
    let (password, phc) = (password.as_bytes().to_vec(), phc.to_owned());
    gated(move || {
        let known = PasswordHash::new(&phc);
        Ok(known.is_ok_and(|known| Hasher.verify_password(&password, &known).is_ok()))
    })
    .await
}

async fn gated<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
) -> Result<T, PasswordError> {
    let permit = match tokio::time::timeout(PASSWORD_WAIT, GATE.acquire()).await {
        Ok(Ok(permit)) => permit,
        Ok(Err(_)) | Err(_) => return Err(PasswordError::Busy),
    };
    // The permit travels with the work: a caller that goes away doesn't make room for another one.
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    })
    .await
    .map_err(|error| PasswordError::Internal(error.to_string()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_matches_its_hash_and_nothing_else() {
        let phc = hash("correct horse").await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert_eq!(verify("correct horse", &phc).await, Ok(true));
        assert_eq!(verify("Correct horse", &phc).await, Ok(false));
        assert_eq!(verify("correct horse", "not a hash").await, Ok(false));
    }

    #[test]
    fn the_dummy_costs_as_much_as_a_real_one() {
        let parsed = PasswordHash::new(DUMMY).unwrap();
        let params = argon2::Params::try_from(&parsed).unwrap();
        assert_eq!(
            (params.m_cost(), params.t_cost(), params.p_cost()),
            (hasher::MEMORY_KIB, hasher::PASSES, hasher::LANES)
        );
        assert!(parsed.hash.is_some() && parsed.salt.is_some());
    }

    /// Many threads take turns at hashing, and each has a heap of its own in glibc.
    #[cfg(target_os = "linux")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_memory_of_a_hash_is_given_back() {
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find(|line| line.starts_with("VmRSS:"));
            let kib = line.unwrap().split_whitespace().nth(1).unwrap();
            kib.parse::<u64>().unwrap()
        };
        verify("x", DUMMY).await.unwrap();
        let before = resident();
        for _ in 0..3 {
            let hashes = (0..2 * PASSWORD_HASHES).map(|_| verify("x", DUMMY));
            futures::future::try_join_all(hashes).await.unwrap();
        }
        let after = resident();
        let one = u64::from(hasher::MEMORY_KIB);
        assert!(after < before + one, "{before} KiB before, {after} after");
    }
}
