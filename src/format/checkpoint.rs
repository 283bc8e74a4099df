//! The manifest of a checkpoint: which files a task's state had after a commit, as one JSON text.
//!
//! ```text
//! {"format":1,"cluster":"...","group":"...","topic":"usage","partition":0,"partitions":4,"number":17,
//!  "commits":["<32 hex>",...],"files":[{"name":"000012.sst","bytes":1048576,"sha256":"<64 hex>","by":"<32 hex>"},...]}
//! ```
//! `commits` is the chain that the state has, oldest first; the last one is what it holds, and `number` that one's. A file is
//! kept under its digest and the name of who put it (a session, and another one whenever that one has deleted something), so
//! that one that two checkpoints share is kept once, and nobody ever writes over, or deletes for another's sake, what somebody
//! else put. What was written once is read for
//! ever; golden files hold the form.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::metadata::read_id;
use crate::engine::{Binding, CommitId};

/// The form above.
const FORMAT: u32 = 1;

/// What a checkpoint is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// What the state belongs to.
    pub binding: Binding,
    /// Number of its last commit.
    pub number: u64,
    /// Its chain of commits, oldest first, never empty.
    pub commits: Vec<CommitId>,
    /// Its files, in order of name.
    pub files: Vec<KeptFile>,
}

/// A file of a checkpoint.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct KeptFile {
    /// What it is called in the state directory.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
    /// SHA-256 of its content, 64 digits of base 16.
    pub sha256: String,
    /// Who put it: 32 digits of base 16.
    pub by: String,
}

/// Why a text is no manifest that can be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoManifest {
    /// Another version of this program wrote it, in a form of that number.
    OtherForm(u32),
    /// It is none.
    Unreadable(String),
}

impl fmt::Display for NoManifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoManifest::OtherForm(format) => {
                write!(
                    f,
                    "it is of form {format}, and this version of odometer reads form {FORMAT}"
                )
            }
            NoManifest::Unreadable(reason) => f.write_str(reason),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    cluster: String,
    group: String,
    topic: String,
    partition: i32,
    partitions: i32,
    number: u64,
    commits: Vec<String>,
    files: Vec<KeptFile>,
}

/// Any form's number, whatever else is in it.
#[derive(Deserialize)]
struct Form {
    format: u32,
}

impl Manifest {
    /// The commit that the state holds.
    ///
    /// # Panics
    /// Without a commit.
    #[must_use]
    pub fn last(&self) -> CommitId {
        *self.commits.last().expect("a state has its genesis")
    }

    /// The text.
    #[must_use]
    pub fn encode(&self) -> String {
        let Manifest { binding, number, commits, files } = self.clone();
        let written = Written {
            format: FORMAT,
            cluster: binding.cluster,
            group: binding.group,
            topic: binding.topic,
            partition: binding.partition,
            partitions: binding.partitions,
            number,
            commits: commits.iter().map(ToString::to_string).collect(),
            files,
        };
        serde_json::to_string(&written).expect("texts and numbers are JSON")
    }

    /// Inverse of [`Manifest::encode`].
    ///
    /// # Errors
    /// Another form, a chain without a commit, a file with a name that would lie elsewhere.
    pub fn decode(text: &[u8]) -> Result<Self, NoManifest> {
        let told = |error: serde_json::Error| NoManifest::Unreadable(error.to_string());
        let Form { format } = serde_json::from_slice(text).map_err(told)?;
        if format != FORMAT {
            return Err(NoManifest::OtherForm(format));
        }
        let written: Written = serde_json::from_slice(text).map_err(told)?;
        let commits = written.commits.iter().map(|text| read_id(text));
        let commits =
            commits.collect::<Option<Vec<CommitId>>>().filter(|commits| !commits.is_empty());
        let commits = commits
            .ok_or_else(|| NoManifest::Unreadable("its chain of commits is none".to_owned()))?;
        for file in &written.files {
            if !is_plain(&file.name) || !is_hex(&file.sha256, 64) || !is_hex(&file.by, 32) {
                let reason = format!("{:?} is no file of a state", file.name);
                return Err(NoManifest::Unreadable(reason));
            }
        }
        let binding = Binding {
            cluster: written.cluster,
            group: written.group,
            topic: written.topic,
            partition: written.partition,
            partitions: written.partitions,
        };
        Ok(Manifest { binding, number: written.number, commits, files: written.files })
    }
}

/// Whether a name is that of a file in the directory itself.
fn is_plain(name: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(is_known)
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let binding = Binding {
            cluster: "c".to_owned(),
            group: "g".to_owned(),
            topic: "usage".to_owned(),
            partition: 3,
            partitions: 4,
        };
        let file = |name: &str, digit: &str| KeptFile {
            name: name.to_owned(),
            bytes: 5,
            sha256: digit.repeat(64),
            by: digit.repeat(32),
        };
        Manifest {
            binding,
            number: 17,
            commits: vec![CommitId([1; 16]), CommitId([0xab; 16])],
            files: vec![file("000012.sst", "0"), file("CURRENT", "f")],
        }
    }

    #[test]
    fn manifest_is_read_for_ever() {
        let golden = include_str!("../../tests/data/formats/checkpoint-1.json").trim_end();
        assert_eq!(manifest().encode(), golden);
        assert_eq!(Manifest::decode(golden.as_bytes()), Ok(manifest()));
        assert_eq!(manifest().last(), CommitId([0xab; 16]));
    }

    #[test]
    fn what_is_no_manifest_is_told() {
        let text = manifest().encode();
        for (from, to, reason) in [
            (
                "\"format\":1",
                "\"format\":2",
                "it is of form 2, and this version of odometer reads form 1",
            ),
            ("\"format\":1,", "", "missing field `format`"),
            ("\"number\":17", "\"number\":17,\"more\":1", "unknown field `more`"),
            (
                "\"commits\":[\"01010101010101010101010101010101\",\"abababababababababababababababab\"]",
                "\"commits\":[]",
                "its chain of commits is none",
            ),
            ("\"abababababababababababababababab\"", "\"ab\"", "its chain of commits is none"),
            ("000012.sst", "../000012.sst", "\"../000012.sst\" is no file of a state"),
            ("000012.sst", ".", "\".\" is no file of a state"),
            ("ffff", "FFFF", "\"CURRENT\" is no file of a state"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from}");
            let found = Manifest::decode(changed.as_bytes()).expect_err(to).to_string();
            assert!(found.starts_with(reason), "{found}");
        }
        for length in 0..text.len() {
            assert!(Manifest::decode(&text.as_bytes()[..length]).is_err());
        }
    }
}
