//! How large a metric's record may grow.

use super::{Change, Outcome, Refusal};

/// How many bytes a record may grow to by what is made and changed; what deletes it goes beyond.
pub const RECORD_BYTES_MAX: usize = 4 << 20;

impl Change {
    /// The change, where the record that it makes is not too large to be kept.
    ///
    /// # Errors
    /// One that is, unless it deletes the metric.
    pub fn fitting(self) -> Result<Self, Refusal> {
        let bytes = self.record.text().len();
        let grows = !matches!(self.outcome, Outcome::Unchanged | Outcome::Deleted);
        if grows && bytes > RECORD_BYTES_MAX {
            let versions = self.record.versions.len();
            return Err(too_large(
                bytes,
                versions,
                &format!("at most {RECORD_BYTES_MAX} are kept"),
            ));
        }
        Ok(self)
    }

    /// The refusal of what is stored nowhere because it is larger than the topic of definitions takes.
    #[must_use]
    pub fn refused_by_topic(&self) -> Refusal {
        let (bytes, versions) = (self.record.text().len(), self.record.versions.len());
        let limit = "the topic that metrics.topic names takes less: raise its max.message.bytes";
        too_large(bytes, versions, limit)
    }
}

fn too_large(bytes: usize, versions: usize, limit: &str) -> Refusal {
    let message = format!(
        "the metric would take {bytes} bytes with its history and all of its versions ({versions}), and {limit}; a \
         metric that is made anew has no versions before"
    );
    Refusal::fault("", message)
}
