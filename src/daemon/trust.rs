//! Whose certificates a client takes: those of an authority in a file, else of those that this machine knows.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::{self, CertificateError, RootCertStore};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// How a client is to speak TLS, `file` being PEM of its authorities, or of a server's own certificate.
///
/// # Errors
/// Why there is no authority to go by.
pub(super) fn config(file: Option<&Path>) -> Result<TlsConfig, String> {
    let known = match file {
        Some(path) => of_file(path).map_err(|fault| format!("{}: {fault}", path.display()))?,
        None => of_machine()?,
    };
    let roots = known.iter().map(|der| Certificate::from_der(der).to_owned());
    let config = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&roots.collect::<Vec<_>>()))
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()));
    Ok(config.build())
}

fn of_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = fs::read(path).map_err(|error| error.to_string())?;
    let known = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, pem::Error>>();
    let known = known.map_err(|error| format!("is no PEM: {error}"))?;
    if known.is_empty() {
        return Err("holds no certificate: expected PEM (-----BEGIN CERTIFICATE-----)".to_owned());
    }
    let mut store = RootCertStore::empty();
    for der in &known {
        let added = store.add(der.clone());
        added.map_err(|error| {
            format!("holds a certificate that nothing can be held against: {error}")
        })?;
    }
    Ok(known)
}

fn of_machine() -> Result<Vec<CertificateDer<'static>>, String> {
    let known = rustls_native_certs::load_native_certs();
    if known.certs.is_empty() {
        let reasons: Vec<String> = known.errors.iter().map(ToString::to_string).collect();
        let reasons = reasons.join("; ");
        return Err(format!("this machine knows no authority ({reasons})"));
    }
    Ok(known.certs)
}

/// What is wrong with TLS, for people; `None`: it is nothing of TLS.
pub(super) fn told(error: &ureq::Error) -> Option<&'static str> {
    let error = match error {
        ureq::Error::Rustls(error) => error,
        ureq::Error::Io(error) => error.get_ref()?.downcast_ref::<rustls::Error>()?,
        _ => return None,
    };
    Some(match error {
        // The latter of one that is called like one that is known.
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => "its certificate is of an authority that is not known here",
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "its certificate is of another name",
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "its certificate is over",
        rustls::Error::InvalidCertificate(_) => "its certificate is not taken",
        _ => "it does not speak TLS",
    })
}
