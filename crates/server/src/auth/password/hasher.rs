//! Argon2id in memory that goes back to the system after each hash.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{self, CustomizedPasswordHasher, PasswordHasher};
use argon2::{Algorithm, Argon2, Block, Params, Version};

pub(super) const MEMORY_KIB: u32 = 19 * 1024;
pub(super) const PASSES: u32 = 2;
pub(super) const LANES: u32 = 1;

/// glibc maps what is larger than 32 MiB (its `DEFAULT_MMAP_THRESHOLD_MAX`) by itself and unmaps it
/// when it is freed. Anything smaller it keeps after the first time, in the heap of the thread that
/// asked: 19 MiB and more for each of up to eight heaps per processor, for ever. Of these bytes only
/// those that a hash uses are ever touched.
const RESERVED_BYTES: usize = 33 * 1024 * 1024;

/// Hashes with the parameters above; verifies with those of the hash.
pub(super) struct Hasher;

impl PasswordHasher<PasswordHash> for Hasher {
    fn hash_password_with_salt(
        &self,
        password: &[u8],
        salt: &[u8],
    ) -> password_hash::Result<PasswordHash> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
        compute(password, salt, Algorithm::Argon2id, Version::V0x13, params)
    }
}

impl CustomizedPasswordHasher<PasswordHash> for Hasher {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<password_hash::Version>,
        params: Params,
    ) -> password_hash::Result<PasswordHash> {
        let algorithm = algorithm.map(Algorithm::try_from).transpose()?;
        let version = version.map(Version::try_from).transpose()?;
        compute(
            password,
            salt,
            algorithm.unwrap_or_default(),
            version.unwrap_or_default(),
            params,
        )
    }
}

fn compute(
    password: &[u8],
    salt: &[u8],
    algorithm: Algorithm,
    version: Version,
    params: Params,
) -> password_hash::Result<PasswordHash> {
    let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    let mut buffer = [0; Output::MAX_LENGTH];
    let output = buffer
        .get_mut(..length)
        .ok_or(password_hash::Error::OutputSize)?;
    let named = ParamsString::try_from(&params)?;
    let mut blocks = memory(params.block_count())?;
    Argon2::new(algorithm, version, params).hash_password_into_with_memory(
        password,
        salt,
        output,
        &mut blocks,
    )?;
    Ok(PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: named,
        salt: Some(Salt::new(salt)?),
        hash: Some(Output::new(output)?),
    })
}

fn memory(blocks: usize) -> password_hash::Result<Vec<Block>> {
    let mut memory = Vec::new();
    memory
        .try_reserve_exact(blocks.max(RESERVED_BYTES / Block::SIZE))
        .map_err(|_| argon2::Error::OutOfMemory)?;
    memory.resize(blocks, Block::new());
    Ok(memory)
}
