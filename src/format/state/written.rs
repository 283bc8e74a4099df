//! What a state knows of the files that its totals and rejects were written to: what stands in them up to there is visible,
//! and everything behind it is written again. JSON.

use serde::{Deserialize, Serialize};

use super::bytes::Corrupt;

/// One output file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WrittenFile {
    /// Its path as configured.
    pub path: String,
    /// Which part it is: those before it are finished.
    pub part: u32,
    /// How many bytes of it are visible.
    pub bytes: u64,
    /// UTC day from the epoch of its first byte.
    pub day: Option<u32>,
    /// Its inode, which it keeps when it is renamed; `None`: an older release noted it.
    #[serde(default)]
    pub inode: Option<u64>,
}

/// All that was written.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Written {
    /// Of totals; `None`: to a stream, of which nothing can be taken back.
    pub totals: Option<WrittenFile>,
    /// Of rejects.
    pub rejects: Option<WrittenFile>,
}

/// Its bytes.
pub fn encode_written(written: &Written) -> Vec<u8> {
    serde_json::to_vec(written).expect("plain fields are JSON")
}

/// Reads it back.
///
/// # Errors
/// Bytes of another form.
pub fn decode_written(bytes: &[u8]) -> Result<Written, Corrupt> {
    serde_json::from_slice(bytes).map_err(|error| Corrupt(format!("what was written: {error}")))
}
