//! Claims: records of the topic that says in which partitions of a source topic each customer was seen.
//!
//! ```text
//! key    usage/12/pY3…/00c5a1e8f0b2d944   topic, its number of partitions, its id ("-": not told), digest of the customer
//! value  {"partitions":[3]}
//! ```
//! A topic that is made anew, or has other partitions, is another one: what was claimed of the one before does not count.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What is claimed of a customer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Of which source topic: see [`claim_scope`].
    pub scope: String,
    /// Digest of tenant and customer.
    pub customer: u64,
    /// The partitions that the customer was seen in.
    pub partitions: BTreeSet<i32>,
}

/// Why a record is no claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClaimFault(&'static str);

impl fmt::Display for ClaimFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for ClaimFault {}

/// What the claims of a source topic have in common.
pub fn claim_scope(topic: &str, partitions: i32, id: Option<&str>) -> String {
    format!("{topic}/{partitions}/{}", id.unwrap_or("-"))
}

#[derive(Serialize, Deserialize)]
struct Value {
    partitions: BTreeSet<i32>,
}

impl Claim {
    /// The record's key.
    pub fn key(&self) -> String {
        format!("{}/{:016x}", self.scope, self.customer)
    }

    /// The record's value.
    pub fn value(&self) -> String {
        let value = Value { partitions: self.partitions.clone() };
        serde_json::to_string(&value).expect("plain fields are JSON")
    }

    /// Reads a record.
    ///
    /// # Errors
    /// Key or value of another form.
    pub fn read(key: &[u8], value: &[u8]) -> Result<Self, ClaimFault> {
        const KEY: ClaimFault = ClaimFault(
            "its key is no topic, number of partitions, id and digest, with slashes between",
        );
        let key = std::str::from_utf8(key).map_err(|_| KEY)?;
        let (scope, digest) = key.rsplit_once('/').ok_or(KEY)?;
        let is_hex = digest.len() == 16 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        let customer = u64::from_str_radix(digest, 16).ok().filter(|_| is_hex).ok_or(KEY)?;
        let Value { partitions } = serde_json::from_slice(value)
            .map_err(|_| ClaimFault("its value is not {\"partitions\":[...]}"))?;
        if partitions.is_empty() || partitions.first().is_some_and(|first| *first < 0) {
            return Err(ClaimFault("it names no partition, or one below 0"));
        }
        Ok(Claim { scope: scope.to_owned(), customer, partitions })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claim_is_written_as_it_always_was_and_read_back() {
        let claim = Claim {
            scope: claim_scope("usage", 12, Some("pY3_x-Q")),
            customer: 0x00c5_a1e8_f0b2_d944,
            partitions: [3, 11].into(),
        };
        assert_eq!(claim.key(), "usage/12/pY3_x-Q/00c5a1e8f0b2d944");
        assert_eq!(claim.value(), r#"{"partitions":[3,11]}"#);
        assert_eq!(Claim::read(claim.key().as_bytes(), claim.value().as_bytes()), Ok(claim));
        assert_eq!(claim_scope("usage", 12, None), "usage/12/-");
    }

    #[test]
    fn anything_else_is_no_claim() {
        let (key, value) = ("usage/12/-/00c5a1e8f0b2d944", r#"{"partitions":[3]}"#);
        assert!(Claim::read(key.as_bytes(), value.as_bytes()).is_ok());
        for other in
            ["", "00c5a1e8f0b2d944", "usage/12/-/+0c5a1e8f0b2d944", "usage/12/-/c5", "\u{e9}"]
        {
            assert!(Claim::read(other.as_bytes(), value.as_bytes()).is_err(), "{other}");
        }
        for other in ["", "3", "{}", r#"{"partitions":[]}"#, r#"{"partitions":[-1,3]}"#] {
            assert!(Claim::read(key.as_bytes(), other.as_bytes()).is_err(), "{other}");
        }
        assert!(Claim::read(b"\xff/00c5a1e8f0b2d944", value.as_bytes()).is_err());
    }
}
