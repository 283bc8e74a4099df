//! Who the listener is by TLS: a chain of certificates and the key of its first one, out of two PEM files.
//!
//! ```text
//! IdentityFiles ─► read and held against each other ─► Identity ─► each handshake takes what was read last
//! ```
//! Files that are read again are taken both, or neither. Knows nothing of connections.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio_rustls::rustls::client::verify_server_cert_signed_by_trust_anchor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, CertificateError, RootCertStore, ServerConfig};

use crate::model::EventTime;

/// The protocol that is spoken inside (RFC 7301).
const HTTP_1_1: &[u8] = b"http/1.1";

/// Where certificate and key lie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdentityFiles {
    /// PEM: the server's own certificate, then those that lead from it to its authority.
    pub certificate: PathBuf,
    /// PEM: its key, by PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: PathBuf,
}

/// Why certificate and key are not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{key} {}: {fault}", path.display())]
pub struct IdentityError {
    /// The configuration's key that names the file.
    key: &'static str,
    path: PathBuf,
    fault: String,
}

/// A certificate with its key, as last read.
#[derive(Debug)]
pub struct Identity {
    files: IdentityFiles,
    shown: RwLock<Arc<CertifiedKey>>,
}

impl Identity {
    /// Reads both files; the certificate must be valid at `now`.
    ///
    /// # Errors
    /// Every fault of both.
    pub fn load(files: &IdentityFiles, now: EventTime) -> Result<Self, Vec<IdentityError>> {
        let shown = RwLock::new(Arc::new(read(files, now)?));
        Ok(Identity { files: files.clone(), shown })
    }

    /// Reads both files again. Connections that are there already go on.
    ///
    /// # Errors
    /// Every fault of both; what was read before is shown on.
    pub fn renew(&self, now: EventTime) -> Result<(), Vec<IdentityError>> {
        let read = Arc::new(read(&self.files, now)?);
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    /// Whether clients can take the certificate that is shown, as of `now`.
    ///
    /// # Errors
    /// It is over.
    pub fn check(&self, now: EventTime) -> Result<(), IdentityError> {
        let shown = self.shown();
        let own = shown.end_entity_cert().expect("a chain has a first certificate");
        check_valid(own, now).map_err(|fault| self.files.of_certificate(fault))
    }

    fn shown(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How connections are secured by it.
    pub(super) fn config(self: &Arc<Self>) -> Arc<ServerConfig> {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has suites for TLS 1.2 and 1.3");
        let mut config = config
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        Arc::new(config)
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown())
    }
}

impl IdentityFiles {
    fn of_certificate(&self, fault: impl Into<String>) -> IdentityError {
        let path = self.certificate.clone();
        IdentityError { key: "admin.tls.certificate", path, fault: fault.into() }
    }

    fn of_key(&self, fault: impl Into<String>) -> IdentityError {
        IdentityError { key: "admin.tls.key", path: self.key.clone(), fault: fault.into() }
    }
}

fn read(files: &IdentityFiles, now: EventTime) -> Result<CertifiedKey, Vec<IdentityError>> {
    let chain = chain(&files.certificate, now).map_err(|fault| files.of_certificate(fault));
    let key = private_key(&files.key).map_err(|fault| files.of_key(fault));
    let (chain, key) = match (chain, key) {
        (Ok(chain), Ok(key)) => (chain, key),
        (chain, key) => return Err(chain.err().into_iter().chain(key.err()).collect()),
    };
    let key = ring::sign::any_supported_type(&key)
        .map_err(|error| vec![files.of_key(format!("is of no kind that TLS knows: {error}"))])?;
    let read = CertifiedKey::new(chain, key);
    read.keys_match().map_err(|_| {
        let certificate = files.certificate.display();
        vec![files.of_key(format!("does not belong to the first certificate in {certificate}"))]
    })?;
    Ok(read)
}

/// The certificates of a file, the first of which is valid.
fn chain(path: &Path, now: EventTime) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = text_of(path)?;
    let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, pem::Error>>();
    let chain = chain.map_err(|error| no_pem(&error))?;
    let Some(own) = chain.first() else {
        return Err(
            "holds no certificate: expected PEM (-----BEGIN CERTIFICATE-----), the server's own first".to_owned()
        );
    };
    check_valid(own, now)?;
    Ok(chain)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(&text_of(path)?).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            "holds no private key: expected PEM of PKCS#8, PKCS#1 or SEC1, not encrypted".to_owned()
        }
        other => no_pem(&other),
    })
}

fn text_of(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot be read: {error}"))
}

fn no_pem(error: &pem::Error) -> String {
    format!("is no PEM: {error}")
}

/// Whether a certificate is one, and valid at `now`.
///
/// Held against no authority at all: the verifier looks at the time first, and that it then knows no authority is no
/// fault here. Whether clients trust it is theirs to say.
fn check_valid(own: &CertificateDer<'_>, now: EventTime) -> Result<(), String> {
    let parsed = ParsedCertificate::try_from(own)
        .map_err(|error| format!("its first certificate is none that TLS takes: {error}"))?;
    let now = UnixTime::since_unix_epoch(Duration::from_micros(now.micros().unsigned_abs()));
    let algorithms = ring::default_provider().signature_verification_algorithms;
    let verified = verify_server_cert_signed_by_trust_anchor(
        &parsed,
        &RootCertStore::empty(),
        &[],
        now,
        algorithms.all,
    );
    match verified {
        Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
            not_after,
            ..
        })) => Err(format!("is over since {}: put one there that is valid", instant(not_after))),
        Err(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext {
            not_before,
            ..
        })) => {
            let from = instant(not_before);
            Err(format!("is not valid before {from}: put one there that is, or set the clock"))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn instant(time: UnixTime) -> String {
    // Of a time beyond any calendar the end of ours.
    let micros = i64::try_from(time.as_secs()).ok().and_then(|secs| secs.checked_mul(1_000_000));
    EventTime::from_micros(micros.unwrap_or(i64::MAX)).to_string()
}
