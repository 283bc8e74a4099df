//! What can go wrong with a checkpoint.

use std::io;
use std::path::PathBuf;

/// A checkpoint could not be put, found or brought back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The setting is no address of a store.
    #[error("checkpoint.store {url:?}: {reason}")]
    Address {
        /// As it was given.
        url: String,
        /// Why not, and what would be right.
        reason: String,
    },
    /// The store did not answer, or refused.
    #[error("{what} {path} in the checkpoint store: {cause}")]
    Store {
        /// What was asked.
        what: &'static str,
        /// Of what.
        path: String,
        /// The answer.
        #[source]
        cause: object_store::Error,
    },
    /// A file on this machine.
    #[error("cannot {what} {}: {cause}", path.display())]
    File {
        /// What was being done.
        what: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// What the store has is not what was put there.
    #[error("{path} in the checkpoint store is damaged: {reason}")]
    Damaged {
        /// Which.
        path: String,
        /// In which way.
        reason: String,
    },
    /// Another version of this program put it there.
    #[error("{path} in the checkpoint store was put by another version of odometer: {reason}")]
    OtherForm {
        /// Which.
        path: String,
        /// Of which form it is, and which one is read.
        reason: String,
    },
    /// Nobody waits for it any more.
    #[error("it was given up")]
    GivenUp,
}

impl Error {
    /// Whether it may go well when it is tried again.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Error::Store { cause, .. } => !matches!(
                cause,
                object_store::Error::PermissionDenied { .. }
                    | object_store::Error::Unauthenticated { .. }
                    | object_store::Error::NotImplemented { .. }
                    | object_store::Error::NotSupported { .. }
            ),
            Error::File { .. } => true,
            Error::Address { .. }
            | Error::Damaged { .. }
            | Error::OtherForm { .. }
            | Error::GivenUp => false,
        }
    }

    pub(super) fn store(
        what: &'static str,
        path: &object_store::path::Path,
    ) -> impl FnOnce(object_store::Error) -> Error {
        let path = path.to_string();
        move |cause| Error::Store { what, path, cause }
    }

    pub(super) fn file(
        what: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_owned();
        move |cause| Error::File { what, path, cause }
    }
}
