//! Ids of metrics: UUIDs, new or made of a name.

use sha2::{Digest, Sha256};

/// A UUID that is the same for the same name (RFC 9562, version 8: SHA-256 of it).
#[must_use]
pub fn named_id(name: &str) -> String {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(Sha256::digest(name.as_bytes())).for_each(|(byte, of)| *byte = of);
    bytes[6] = bytes[6] & 0x0F | 0x80;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    id_text(bytes)
}

/// As UUIDs are written.
#[must_use]
pub fn id_text(bytes: [u8; 16]) -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    let (low, rest) = hex.split_at(8);
    let (middle, rest) = rest.split_at(4);
    let (high, rest) = rest.split_at(4);
    let (sequence, node) = rest.split_at(4);
    [low, middle, high, sequence, node].join("-")
}
