//! The end of the process from within: one worker's failure stops its siblings in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Raised by a worker that cannot go on.
#[derive(Clone, Default)]
pub(super) struct Stop {
    is_raised: Arc<AtomicBool>,
}

impl Stop {
    pub(super) fn is_raised(&self) -> bool {
        self.is_raised.load(Ordering::SeqCst)
    }

    pub(super) fn raise(&self) {
        self.is_raised.store(true, Ordering::SeqCst);
    }
}
