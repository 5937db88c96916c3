//! Passwords as Argon2id hashes, written as PHC strings with their parameters and salt, so that stronger parameters can come without harm to old
//! hashes.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;

use crate::pool::{PoolError, Result};

/// Bytes of a salt.
const SALT: usize = 16;

/// Bytes of a hash.
const HASH: usize = 32;

/// What an unknown account's password is compared with, so that it takes as long. No password has this hash.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn damaged(what: &str) -> PoolError {
    PoolError::Damaged { what: format!("a password's hash: {what}") }
}

fn derive(password: &str, salt: &[u8], params: Params) -> Result<[u8; HASH]> {
    let mut hash = [0; HASH];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, &mut hash)
        .map_err(|error| damaged(&error.to_string()))?;
    Ok(hash)
}

/// The hash of a new password, under a salt from the operating system.
pub(super) fn hash(password: &str) -> Result<String> {
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt).map_err(|error| PoolError::NoRandomness { message: error.to_string() })?;
    let params = Params::DEFAULT;
    let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    let hash = derive(password, &salt, params)?;
    let text = |bytes: &[u8]| BASE64_STANDARD_NO_PAD.encode(bytes);
    Ok(format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${}${}", text(&salt), text(&hash)))
}

/// Whether a password is the one that was hashed. Takes as long where nothing was.
pub(super) fn matches(password: &str, stored: Option<&str>) -> Result<bool> {
    let parts: Vec<&str> = stored.unwrap_or(NOBODY).split('$').collect();
    let ["", "argon2id", "v=19", costs, salt, hash] = parts[..] else { return Err(damaged("of another form")) };
    let cost = |name: &str| costs.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
    let (Some(memory), Some(passes), Some(lanes)) = (cost("m"), cost("t"), cost("p")) else { return Err(damaged("without its costs")) };
    let params = Params::new(memory, passes, lanes, Some(HASH)).map_err(|error| damaged(&error.to_string()))?;
    let bytes = |text: &str| BASE64_STANDARD_NO_PAD.decode(text).map_err(|error| damaged(&error.to_string()));
    let (salt, wanted) = (bytes(salt)?, bytes(hash)?);
    let found = derive(password, &salt, params)?;
    // Every byte is looked at, so that the time says nothing about how far they agree.
    let differing = found.iter().zip(&wanted).fold(0, |differing, (a, b)| differing | (a ^ b));
    Ok(stored.is_some() && wanted.len() == HASH && differing == 0)
}
