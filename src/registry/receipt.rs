//! Calls that are done at most once: each is known again by a key that its caller chose, as long as the metric's record is
//! kept.
//!
//! Who repeats a call is answered as the first time, whatever became of the metric since. What that takes is kept with the
//! metric, in the step that makes the change: so a kill in between leaves both or neither. Of changes the newest are kept.

use serde::{Deserialize, Serialize};

use super::change::{Change, Outcome};
use super::record::{Record, instant};
use super::{Refusal, Registry};
use crate::model::EventTime;

/// How many receipts a record keeps, the first one always (that of its creation, where there is one): a metric changes a few
/// times a year, and a record is written whole with each change.
const RECEIPTS_MAX: usize = 200;
/// How long the bodies of all but the first and the newest may be together, for the same reason.
const BODIES_BYTES_MAX: usize = 256 << 10;

/// That a call is to be done at most once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Once {
    /// The key, of which a tenant's calls have each another one.
    pub key: String,
    /// A digest of all that the caller sent.
    pub request: String,
    /// What is told beside the metric.
    pub warning: Option<String>,
}

/// That a call was done, and what its answer was made of.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Its key.
    pub key: String,
    /// A digest of all that the caller sent.
    pub request: String,
    /// When the metric was last changed by then.
    #[serde(with = "instant")]
    pub updated_at: EventTime,
    /// Whether it folded nothing any more.
    pub is_deleted: bool,
    /// As another system's API had it then.
    pub body: Option<String>,
    /// What was told beside it.
    pub warning: Option<String>,
}

impl Registry {
    /// The call of a tenant that had the key, and the metric that it made or changed.
    pub fn receipt(&self, tenant: &str, key: &str) -> Option<(&Record, &Receipt)> {
        let mut made = self.made_of(tenant).flatten();
        made.find_map(|made| Some((&made.record, made.record.receipt(key)?)))
    }

    /// What a call did that was done already.
    pub(super) fn repeated(
        &self,
        tenant: &str,
        once: Option<&Once>,
    ) -> Result<Option<Change>, Refusal> {
        let Some(once) = once else { return Ok(None) };
        match self.receipt(tenant, &once.key) {
            None => Ok(None),
            Some((_, receipt)) if receipt.request != once.request => Err(Refusal::KeyReused),
            Some((record, _)) => {
                Ok(Some(Change { record: record.clone(), outcome: Outcome::Unchanged }))
            }
        }
    }
}

impl Record {
    /// The call that had the key.
    pub fn receipt(&self, key: &str) -> Option<&Receipt> {
        self.receipts.iter().find(|receipt| receipt.key == key)
    }

    pub(super) fn keep_receipt(&mut self, once: Option<Once>) {
        let Some(Once { key, request, warning }) = once else { return };
        self.receipts.push(Receipt {
            key,
            request,
            updated_at: self.updated_at,
            is_deleted: self.deleted_at.is_some(),
            body: self.newest().body.clone(),
            warning,
        });
        while self.has_surplus() {
            self.receipts.remove(1);
        }
    }

    fn has_surplus(&self) -> bool {
        let bytes = |receipt: &Receipt| receipt.body.as_ref().map_or(0, String::len);
        match &self.receipts[..] {
            [_, between @ .., _] if !between.is_empty() => {
                self.receipts.len() > RECEIPTS_MAX
                    || between.iter().map(bytes).sum::<usize>() > BODIES_BYTES_MAX
            }
            _ => false,
        }
    }
}
