//! Layer 6, the HTTP listener: `/healthz`, `/readyz`, `/metrics`, `/openapi.json`, `/v1/usage`, `/v1/metrics`, those of
//! Lago and Maple below `/api/v1`, and Zenskar's below `/aggregates`.
//!
//! ```text
//! Options ─► Listener::bind (─► secured) ─► serve(listener, shown, stop): a future that ends after `stop`
//! ```
//! `identity` and `handshakes` are TLS, `cors` what pages in browsers may call.
//! `router` has the table of all calls, of which `openapi` tells, `access` who may make them (refused in whose `words`),
//! `native` (with `foreign`), `lago` (by `page`),
//! `maple` and `zenskar` what becomes of definitions, which `making` changes and `catalogue` keeps, with `dialects` for what those cannot
//! say; `operate` answers operators: `readiness` holds what keeps the process from being ready, `usage` what may be asked of
//! totals (by `query`), `gather` of whom. Decides nothing about totals, and starts no thread: who calls drives the future.

mod access;
mod body;
mod catalogue;
mod connections;
mod cors;
mod dialects;
mod error;
mod foreign;
mod gather;
mod handshakes;
mod identity;
mod lago;
mod making;
mod maple;
mod native;
mod openapi;
mod operate;
mod page;
mod query;
mod readiness;
mod router;
#[cfg(test)]
mod tests;
mod usage;
mod words;
mod zenskar;

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

pub use access::{Hash, KEY_BEGINNING, Key, Role};
pub use catalogue::{Catalogue, NotDone, Tried};
pub use cors::{Origin, Origins};
pub use dialects::{Dialects, LagoErrors, TenantNames, Tenants};
pub use error::Error;
pub use gather::FORWARDED;
pub use identity::{Identity, IdentityError, IdentityFiles};
pub use query::Refusal;
pub use readiness::{Obstacle, Readiness};
pub use usage::{Live, MetricsAsk, Peers, UsageAsk};

use axum::serve::ListenerExt as _;

use self::handshakes::{Handshakes, Secure};
use crate::model::EventTime;
use crate::telemetry::Series;

/// How long open connections may take to end after `stop`.
const GRACE: Duration = Duration::from_secs(5);

/// What the answers are made of.
#[derive(Clone)]
pub struct Shown {
    /// What Prometheus scrapes.
    pub series: Arc<Series>,
    /// What is lacking.
    pub readiness: Arc<Readiness>,
    /// What the tasks know.
    pub live: Arc<dyn Live>,
    /// The other processes of the group.
    pub peers: Arc<dyn Peers>,
    /// Who keeps the definitions.
    pub catalogue: Arc<dyn Catalogue>,
    /// Who may ask; nobody but this machine where there are none.
    pub keys: Arc<[Key]>,
    /// How tenants are called in other systems' calls.
    pub tenants: Arc<Tenants>,
    /// What other systems' calls leave unsaid.
    pub dialects: Arc<Dialects>,
    /// Pages of which other origins browsers let call.
    pub origins: Origins,
    /// The clock.
    pub now: fn() -> EventTime,
}

/// Where to listen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Address and port; port 0 takes a free one.
    pub address: SocketAddr,
}

/// A socket that listens, whether or not it is served yet.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    identity: Option<Arc<Identity>>,
}

impl Listener {
    /// Takes the address. Needs no runtime, so that a daemon knows before it starts anything else.
    ///
    /// # Errors
    /// An address that is in use, or not this machine's.
    pub fn bind(options: &Options) -> Result<Self, Error> {
        let address = options.address;
        let bound = TcpListener::bind(address).and_then(|socket| {
            socket.set_nonblocking(true)?;
            let address = socket.local_addr()?;
            Ok(Listener { socket, address, identity: None })
        });
        bound.map_err(|cause| Error::bind(address, cause))
    }

    /// Speaks TLS, and nothing else.
    #[must_use]
    pub fn secured(self, identity: Arc<Identity>) -> Self {
        Listener { identity: Some(identity), ..self }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Answers requests until `stop` ends; then those under way get five seconds.
///
/// Wants a tokio runtime with IO and time; a current-thread one will do.
///
/// # Errors
/// A socket that the runtime does not take.
pub async fn serve(
    listener: Listener,
    shown: Shown,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let Listener { socket, address, identity } = listener;
    let failed = |cause| Error::Serve { address, cause };
    let socket = tokio::net::TcpListener::from_std(socket).map_err(failed)?;
    let (stopped, is_stopped) = tokio::sync::oneshot::channel();
    let stop = async move {
        stop.await;
        // Who would receive it has ended already: then there is nothing to limit.
        let _ = stopped.send(());
    };
    let origins = shown.origins.clone();
    let router = cors::opened(router::router(shown), &origins);
    let served = async move {
        match identity {
            None => connections::answer(socket, router, stop).await,
            Some(identity) => {
                let secured = Handshakes::new(socket, &identity).tap_io(answer_at_once);
                connections::answer(secured, router, stop).await;
            }
        }
    };
    let limit = async move {
        match is_stopped.await {
            Ok(()) => tokio::time::sleep(GRACE).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = served => {}
        () = limit => {}
    }
    Ok(())
}

/// Sends each record of TLS when it is made: an answer's last one must not wait for a word of the client.
fn answer_at_once(stream: &mut Secure) {
    if let Err(error) = stream.get_ref().0.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
}
