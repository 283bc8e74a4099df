//! A socket whose connections are secured by TLS: each is handed on once its handshake is done.
//!
//! ```text
//! socket ─► handshakes, each at its own pace and for some seconds at most ─► axum::serve
//! ```
//! Nobody waits for another one's handshake. One that fails is told to the log at DEBUG and to nobody else: whoever
//! reaches the port can make as many as they like. Dropped it ends all that are under way.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Identity;

/// How long a handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);

/// A connection that is secured.
pub(super) type Secure = TlsStream<TcpStream>;

/// The socket, and the handshakes that are under way.
pub(super) struct Handshakes {
    socket: TcpListener,
    acceptor: TlsAcceptor,
    under_way: JoinSet<Option<(Secure, SocketAddr)>>,
}

impl Handshakes {
    pub(super) fn new(socket: TcpListener, identity: &Arc<Identity>) -> Self {
        let acceptor = TlsAcceptor::from(identity.config());
        Handshakes { socket, acceptor, under_way: JoinSet::new() }
    }

    fn begin(&mut self, stream: TcpStream, peer: SocketAddr) {
        let handshake = self.acceptor.accept(stream);
        self.under_way.spawn(async move {
            match tokio::time::timeout(HANDSHAKE_MAX, handshake).await {
                Ok(Ok(stream)) => return Some((stream, peer)),
                Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
                Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
            }
            None
        });
    }
}

impl Listener for Handshakes {
    type Io = Secure;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Secure, SocketAddr) {
        loop {
            // Both may be given up halfway, and lose nothing.
            tokio::select! {
                // A panic of one was reported by itself.
                Some(done) = self.under_way.join_next() => if let Ok(Some(secured)) = done {
                    return secured;
                },
                (stream, peer) = Listener::accept(&mut self.socket) => self.begin(stream, peer),
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}
