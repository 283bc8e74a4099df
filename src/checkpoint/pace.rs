//! No more than so many bytes a second, of all that a process sends and fetches.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How much of the limit may come at once.
const BURST: Duration = Duration::from_millis(250);

/// Who sends waits until what went before had its time.
pub(super) struct Pace {
    bytes_per_second: Option<u64>,
    /// When all that was let through has had its time.
    free_at: Mutex<Option<Instant>>,
}

impl Pace {
    pub(super) fn new(bytes_per_second: Option<u64>) -> Self {
        Pace { bytes_per_second, free_at: Mutex::new(None) }
    }

    /// Waits until that many more may go.
    pub(super) async fn wait(&self, bytes: usize) {
        let Some(limit) = self.bytes_per_second else { return };
        let now = Instant::now();
        let begin = {
            let mut free_at = self.free_at.lock().expect("no holder panics");
            let begin = free_at.map_or(now, |free_at| free_at.max(now));
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            let micros = bytes.saturating_mul(1_000_000) / limit.max(1);
            *free_at = Some(begin + Duration::from_micros(micros));
            begin
        };
        if begin > now + BURST {
            sleep_until(begin - BURST).await;
        }
    }
}
