//! The listener's certificate and key, read again while it answers: on SIGHUP, and when a file changed.
//!
//! Both are taken, or those before are shown on. That, and a certificate that is over, is told in the log and by `/readyz`.

use std::sync::Arc;

use super::watch::{self, Reread, Watching};
use crate::admin::{Identity, IdentityError, IdentityFiles, Readiness};
use crate::daemon::{CommandError, clock};

/// What `/readyz` calls it.
const NAME: &str = "admin.tls";

/// What they are read again with.
struct Rereader {
    identity: Arc<Identity>,
    readiness: Arc<Readiness>,
    /// What is shown is over, and that was told.
    is_told: bool,
}

/// Reads both files.
///
/// # Errors
/// Every fault of them.
pub(super) fn load(files: &IdentityFiles) -> Result<Identity, CommandError> {
    let faults = |faults: Vec<IdentityError>| {
        CommandError::Faults(faults.iter().map(ToString::to_string).collect())
    };
    Identity::load(files, clock::now()).map_err(faults)
}

/// Looks at the files from now on.
///
/// # Errors
/// A signal or thread that the system refuses.
pub(super) fn watch(
    files: &IdentityFiles,
    identity: &Arc<Identity>,
    readiness: &Arc<Readiness>,
) -> Result<Watching, CommandError> {
    let reader = Rereader {
        identity: Arc::clone(identity),
        readiness: Arc::clone(readiness),
        is_told: false,
    };
    let files = vec![files.certificate.clone(), files.key.clone()];
    watch::watch("certificate", files, reader)
        .map_err(|error| CommandError::failed_by("watching the files of admin.tls", error))
}

impl Reread for Rereader {
    fn reread(&mut self) {
        match self.identity.renew(clock::now()) {
            Ok(()) => {
                tracing::info!("the certificate of the admin listener was read again");
                self.readiness.unwarn(NAME);
                self.is_told = false;
            }
            Err(faults) => {
                let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
                let faults = faults.join("; ");
                tracing::error!(
                    faults,
                    "the certificate of the admin listener was not taken; the one before is shown on"
                );
                let reason =
                    format!("the files were not taken, and those before are shown on: {faults}");
                self.readiness.warn(NAME, &reason, clock::now());
            }
        }
    }

    fn look(&mut self) {
        if self.is_told {
            return;
        }
        let now = clock::now();
        if let Err(fault) = self.identity.check(now) {
            self.is_told = true;
            tracing::error!(%fault, "clients take the admin listener's certificate no more");
            self.readiness.warn(NAME, &fault.to_string(), now);
        }
    }
}
