//! Why a change of the definitions was refused.

use crate::format::definitions::BodyFault;

/// Why nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The tenant has no such metric.
    NotFound,
    /// The tenant has a metric of that code.
    Exists,
    /// It stands in a file, by which alone it changes.
    ReadOnly {
        /// `file:` and the file's name.
        place: String,
    },
    /// It is not at the version that the caller saw.
    Stale {
        /// At which it is.
        version: u64,
    },
    /// It is not at the revision that the change is made of.
    Overtaken,
    /// Another call had its key.
    KeyReused,
    /// What was asked has faults: all of them.
    Faults(Vec<BodyFault>),
}

impl Refusal {
    /// A single fault.
    pub(super) fn fault(path: &str, message: impl Into<String>) -> Self {
        Refusal::Faults(vec![BodyFault { path: path.to_owned(), message: message.into() }])
    }
}
