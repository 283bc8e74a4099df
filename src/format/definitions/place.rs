//! Where a value stands in a definitions file.

use std::fmt;

use crate::format::wording::step;

/// Where a value stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Which of the files.
    pub(super) file: usize,
    /// Byte of that file's text.
    pub(super) offset: usize,
    /// The entry: `metrics[2] (code "llm")`; empty outside.
    pub(super) entry: String,
    /// Keys and indices inside the entry: `inner.every`; empty for the entry itself.
    pub(super) path: String,
    /// The key below that is unknown, missing or of no use; empty: it is the value itself.
    pub(super) key: String,
}

impl Place {
    /// A place in a file, outside of all entries.
    pub(super) fn in_file(file: usize, offset: usize) -> Self {
        Place { file, offset, entry: String::new(), path: String::new(), key: String::new() }
    }

    /// With the key: for people it stands in the message.
    pub(super) fn whole_path(self) -> String {
        let key = if self.key.is_empty() { self.key } else { step(&self.path, &self.key) };
        self.path + &key
    }
}

/// The entry and the path inside it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.entry)?;
        if !self.entry.is_empty() && !self.path.is_empty() {
            f.write_str(": ")?;
        }
        f.write_str(&self.path)
    }
}
