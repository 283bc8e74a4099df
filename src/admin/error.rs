//! What can go wrong with the listener.

use std::io;
use std::net::SocketAddr;

/// Why the listener does not serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the address.
    #[error(
        "admin address {0} is in use by another process: stop that one, or give another admin.address"
    )]
    InUse(SocketAddr),
    /// The address cannot be listened on.
    #[error(
        "admin address {address} cannot be listened on: give an address of this machine as admin.address"
    )]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The listener ended by itself.
    #[error("the admin listener on {address} failed")]
    Serve {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

impl Error {
    pub(super) fn bind(address: SocketAddr, cause: io::Error) -> Self {
        if cause.kind() == io::ErrorKind::AddrInUse {
            Error::InUse(address)
        } else {
            Error::Bind { address, cause }
        }
    }
}
