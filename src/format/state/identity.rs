//! What a state is: program, format version, what it belongs to, the key of its id digests. JSON, for people too.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::engine::{Binding, DigestKey};

const PROGRAM: &str = "odometer";
/// Version of the keys and values of a state. One of another version is refused, whichever is newer.
pub const FORMAT: u32 = 1;

/// What a state is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// What it belongs to.
    pub binding: Binding,
    /// Key of its id digests.
    pub digest_key: DigestKey,
}

/// Why a state is not ours to use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IdentityError {
    /// It was not made by odometer.
    ForeignProgram(String),
    /// It was made by another version of odometer.
    ForeignFormat(u32),
    /// The entry cannot be read.
    Unreadable(String),
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdentityError::ForeignProgram(program) => {
                write!(f, "the state was made by {program:?}, not by {PROGRAM:?}")
            }
            IdentityError::ForeignFormat(format) => write!(
                f,
                "the state has format {format}; this version of odometer reads format {FORMAT}"
            ),
            IdentityError::Unreadable(text) => {
                write!(f, "what the state is cannot be read: {text}")
            }
        }
    }
}

impl std::error::Error for IdentityError {}

#[derive(Serialize, Deserialize)]
struct Stored {
    program: String,
    format: u32,
    #[serde(default)]
    cluster: String,
    #[serde(default)]
    group: String,
    #[serde(default)]
    topic: String,
    #[serde(default)]
    partition: i32,
    #[serde(default)]
    partitions: i32,
    #[serde(default)]
    digest_key: String,
}

/// Value of the identity entry.
pub fn encode_identity(identity: &Identity) -> Vec<u8> {
    let Binding { cluster, group, topic, partition, partitions } = identity.binding.clone();
    let digest_key = format!("{:032x}", u128::from_be_bytes(identity.digest_key.0));
    let (program, format) = (PROGRAM.to_owned(), FORMAT);
    let stored =
        Stored { program, format, cluster, group, topic, partition, partitions, digest_key };
    serde_json::to_vec(&stored).expect("plain fields are JSON")
}

/// Inverse of [`encode_identity`].
///
/// # Errors
/// A state that is not ours.
pub fn decode_identity(bytes: &[u8]) -> Result<Identity, IdentityError> {
    let unreadable = |text: String| IdentityError::Unreadable(text);
    let stored: Stored =
        serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
    if stored.program != PROGRAM {
        return Err(IdentityError::ForeignProgram(stored.program));
    }
    if stored.format != FORMAT {
        return Err(IdentityError::ForeignFormat(stored.format));
    }
    let digest_key = read_key(&stored.digest_key)
        .ok_or_else(|| unreadable("digest_key is not 32 hexadecimal digits".to_owned()))?;
    let Stored { cluster, group, topic, partition, partitions, .. } = stored;
    let binding = Binding { cluster, group, topic, partition, partitions };
    Ok(Identity { binding, digest_key })
}

#[expect(clippy::arithmetic_side_effects, reason = "a place among 32 digits")]
fn read_key(text: &str) -> Option<DigestKey> {
    let mut key = [0; 16];
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    for (byte, place) in key.iter_mut().zip((0..32).step_by(2)) {
        *byte = u8::from_str_radix(&text[place..place + 2], 16).ok()?;
    }
    Some(DigestKey(key))
}
