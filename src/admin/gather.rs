//! A page of totals, from all processes of the group where these are known: asked of the tasks here and of the others at once,
//! in the name of whoever asks.
//!
//! A process that is asked by another one answers for itself alone, so that no question goes round.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};

use super::access::presented;
use super::router::Shared;
use super::{Live, Peers, Refusal, UsageAsk};
use crate::format::UsagePage;

/// Says in a request that another process asks, and which one in answers.
pub const FORWARDED: HeaderName = HeaderName::from_static("x-odometer-forwarded");

/// Who sent a request, as far as it is passed on.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    key: Option<String>,
    /// What the process is called that passed it on.
    forwarded_by: Option<HeaderValue>,
}

impl FromRequestParts<Shared> for Sender {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        _shared: &Shared,
    ) -> Result<Self, Self::Rejection> {
        let key = presented(&parts.headers).map(str::to_owned);
        Ok(Sender { key, forwarded_by: parts.headers.get(FORWARDED).cloned() })
    }
}

impl Sender {
    /// Whether this very process asks: it knows what it has.
    pub(super) fn is_this(&self, peers: &dyn Peers) -> bool {
        let name = self.forwarded_by.as_ref().and_then(|name| name.to_str().ok());
        name.is_some_and(|name| peers.is_this(name))
    }
}

/// A page by all that are to be asked.
pub(super) async fn page(
    shared: &Shared,
    sender: &Sender,
    ask: UsageAsk,
) -> Result<UsagePage, Refusal> {
    let peers = Arc::clone(&shared.shown.peers);
    if sender.forwarded_by.is_some() || peers.is_empty() {
        return own(shared, ask).await;
    }
    let (question, key, limit) = (ask.clone(), sender.key.clone(), ask.limit);
    let others = async {
        // No turn of the readers is held meanwhile: two processes would wait for each other.
        let _turn = shared.gatherers.acquire().await;
        tokio::task::spawn_blocking(move || peers.usage(&question, key.as_deref())).await
    };
    let (own, others) = tokio::join!(own(shared, ask), others);
    let (mut own, mut pages) = (own?, Vec::new());
    for answer in others.map_err(|error| Refusal::Failed(error.to_string()))? {
        match answer {
            Ok(page) => pages.push(page),
            Err(unanswered) => own.unanswered.push(unanswered),
        }
    }
    Ok(own.gathered(pages, limit))
}

/// A page of this process, read on a thread of its own: whoever asks for health waits for nobody.
async fn own(shared: &Shared, ask: UsageAsk) -> Result<UsagePage, Refusal> {
    let _turn = shared.readers.acquire().await;
    let live = Arc::clone(&shared.shown.live);
    let looked = tokio::task::spawn_blocking(move || Live::usage(live.as_ref(), &ask)).await;
    looked.unwrap_or_else(|error| Err(Refusal::Failed(error.to_string())))
}
