//! What a state knows of a file that is followed: how to know it again, and how far it was read. JSON.

use serde::{Deserialize, Serialize};

use super::bytes::Corrupt;

/// A stretch of a file's bytes, to be known again.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Print {
    /// How many bytes.
    pub bytes: u64,
    /// The first 16 bytes of their SHA-256, in hex.
    pub digest: String,
}

/// How a file is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// A file that is followed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FollowedFile {
    /// Under what name it was last seen.
    pub path: String,
    /// The device that it lies on.
    pub device: u64,
    /// Its inode there.
    pub inode: u64,
    /// Plain bytes before the next line.
    pub offset: u64,
    /// Lines before it.
    pub line: u64,
    /// Its first bytes as they are stored.
    pub head: Print,
    /// The bytes before `offset`; of a compressed file the last of `whole_bytes`.
    pub tail: Print,
    /// Of a compressed file that was read to its end: its size.
    pub finished_bytes: Option<u64>,
    /// How it is compressed, from when its first bytes were read: it stays that whatever it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// Of a compressed file: as many bytes of it were found whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole_bytes: Option<u64>,
    /// Under what name a pattern found it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<String>,
}

/// Its bytes.
pub fn encode_followed(file: &FollowedFile) -> Vec<u8> {
    serde_json::to_vec(file).expect("plain fields are JSON")
}

/// Reads it back.
///
/// # Errors
/// Bytes of another form.
pub fn decode_followed(bytes: &[u8]) -> Result<FollowedFile, Corrupt> {
    serde_json::from_slice(bytes).map_err(|error| Corrupt(format!("a followed file: {error}")))
}
