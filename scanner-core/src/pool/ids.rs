//! Where event ids come from.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::PoolError;

/// A source of event ids. No two calls may give the same one within a pool.
pub trait IdSource: Send {
    /// The id of the ledger's entry number `sequence` (from 1).
    ///
    /// # Errors
    /// [`PoolError::NoRandomness`] where the source fails.
    fn event_id(&mut self, sequence: u64) -> Result<String, PoolError>;
}

/// Ids from the operating system's randomness: what a pharmacy uses, unique over all pools.
#[derive(Debug, Default)]
pub struct OsIds;

impl IdSource for OsIds {
    fn event_id(&mut self, _sequence: u64) -> Result<String, PoolError> {
        let mut bytes = [0u8; 16];
        getrandom::fill(&mut bytes).map_err(|error| PoolError::NoRandomness { message: error.to_string() })?;
        Ok(hex(&bytes))
    }
}

/// Ids that follow from a seed and the entry's number: the same run gives the same ledger. For simulation only: two pools of one seed share ids.
#[derive(Debug)]
pub struct SeededIds(u64);

impl SeededIds {
    /// Ids of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }
}

impl IdSource for SeededIds {
    fn event_id(&mut self, sequence: u64) -> Result<String, PoolError> {
        let mut hash = Sha256::new();
        hash.update(b"tracetwin event id");
        hash.update(self.0.to_le_bytes());
        hash.update(sequence.to_le_bytes());
        Ok(hex(&hash.finalize()[..16]))
    }
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // Writing to a string cannot fail.
        text
    })
}
