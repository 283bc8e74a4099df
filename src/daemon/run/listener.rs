//! The admin listener's thread.

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::certificate;
use super::definitions::Book;
use super::outside::Outside;
use super::peers::Peers;
use super::watch::Watching;
use crate::admin;
use crate::daemon::{CommandError, clock};
use crate::settings::Admin;

/// The running listener; dropped it stops.
pub(super) struct Listening {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Of its certificate.
    _watching: Option<Watching>,
}

/// Starts the listener where an address is configured.
pub(super) fn listen(
    settings: &Admin,
    outside: &Outside,
    book: &Arc<Book>,
) -> Result<Option<Listening>, CommandError> {
    let Some(address) = settings.address else { return Ok(None) };
    let mut listener = admin::Listener::bind(&admin::Options { address })
        .map_err(|error| CommandError::failed(error.to_string()))?;
    let mut watching = None;
    if let Some(files) = &settings.tls {
        let identity = Arc::new(certificate::load(files)?);
        watching = Some(certificate::watch(files, &identity, &outside.readiness)?);
        listener = listener.secured(identity);
    }
    let scheme = if watching.is_some() { "https" } else { "http" };
    tracing::info!(scheme, address = %listener.address(), "admin listener answers");
    if settings.keys.is_empty() {
        tracing::info!("no admin.keys: definitions and totals are told to this machine alone");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::failed_by("starting the admin listener", error))?;
    let (stop, stopped) = oneshot::channel();
    let shown = admin::Shown {
        series: Arc::clone(&outside.series),
        readiness: Arc::clone(&outside.readiness),
        live: Arc::clone(&outside.live) as Arc<dyn admin::Live>,
        peers: Arc::new(Peers::new(settings)?),
        catalogue: Arc::clone(book) as Arc<dyn admin::Catalogue>,
        keys: settings.keys.clone().into(),
        tenants: Arc::new(settings.tenants.clone()),
        dialects: Arc::new(settings.dialects.clone()),
        origins: settings.origins.clone(),
        now: clock::now,
    };
    let serve = move || {
        let stopped = async move {
            // A sender that is gone says the same.
            let _ = stopped.await;
        };
        if let Err(error) = runtime.block_on(admin::serve(listener, shown, stopped)) {
            tracing::error!(%error, "the admin listener ended");
        }
    };
    let thread = std::thread::Builder::new()
        .name("admin".to_owned())
        .spawn(serve)
        .map_err(|error| CommandError::failed_by("starting the admin listener", error))?;
    Ok(Some(Listening { stop: Some(stop), thread: Some(thread), _watching: watching }))
}

impl Drop for Listening {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was reported by itself; nothing of the daemon's work depends on it.
            drop(thread.join());
        }
    }
}
