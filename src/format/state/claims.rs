//! What a state knows of the claims of customers: up to where they were looked at, and in which topic its own were made.
//! JSON.
//!
//! With it go the digests of customers whose claims are not known to be made. It holds for the commit that it was written
//! with alone: where another one came after, by a process that makes no claims, all of the state's customers are claimed
//! anew.

use serde::{Deserialize, Serialize};

use super::bytes::{Corrupt, Reader};

/// How far a state has come with claims.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ClaimsNote {
    /// The topic that they are made in.
    pub topic: String,
    /// Its id, where the broker tells it.
    pub id: Option<String>,
    /// What the task's own claims have in common.
    pub scope: String,
    /// The offset of that topic up to which its claims were looked at.
    pub looked: i64,
    /// Number of the commit that this was written with.
    pub commit: u64,
}

impl ClaimsNote {
    /// Whether both are of the same claims.
    pub fn is_of_same(&self, other: &Self) -> bool {
        self.topic == other.topic && self.id == other.id && self.scope == other.scope
    }
}

/// Its bytes.
pub fn encode_claims(note: &ClaimsNote) -> Vec<u8> {
    serde_json::to_vec(note).expect("plain fields are JSON")
}

/// Reads it back.
///
/// # Errors
/// Bytes of another form.
pub fn decode_claims(bytes: &[u8]) -> Result<ClaimsNote, Corrupt> {
    serde_json::from_slice(bytes).map_err(|error| Corrupt(format!("the note of claims: {error}")))
}

/// The customer in the key of one that is not known to be claimed.
///
/// # Errors
/// A key of another form.
pub fn customer_of_unclaimed(key: &[u8]) -> Result<u64, Corrupt> {
    let rest = key.get(1..).unwrap_or_default();
    let mut reader = Reader::new(rest, "the key of a customer to be claimed");
    let digest = reader.u64()?;
    reader.end()?;
    Ok(digest)
}
