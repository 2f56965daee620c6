//! Everything that is not hot: `serde` structures in bincode 2's standard format, behind this one module.
//!
//! bincode 2.0.1 is the last release of an unmaintained crate without a known hole; the project's brief names it. Nothing else may
//! use it, every decode has a hard size limit, and trailing bytes are refused, so that it can be replaced here in one place.
//!
//! Flow: a message of [`crate::wire`] ↔ bytes.

use crate::limits::MAX_RELIABLE_BYTES;
use crate::wire::DecodeError;
use bincode::config::{self, Config};
use serde::{Serialize, de::DeserializeOwned};

fn format() -> impl Config {
    config::standard().with_limit::<MAX_RELIABLE_BYTES>()
}

/// Returns `value` as bytes: variable-length little-endian integers, fields in order of declaration, enum variants by number.
pub fn encode(value: &impl Serialize) -> Vec<u8> {
    // Writing plain data to memory cannot fail; an empty message would be refused by every reader.
    bincode::serde::encode_to_vec(value, format()).unwrap_or_default()
}

/// Reads a value that fills `bytes` to the last one.
///
/// # Errors
/// If the bytes are no such value, claim to be longer than the limit, or go on behind it.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    match bincode::serde::decode_from_slice(bytes, format()) {
        Ok((value, read)) if read == bytes.len() => Ok(value),
        Ok(_) => Err(DecodeError::Trailing),
        Err(_) => Err(DecodeError::Malformed),
    }
}
