//! Who keeps the definitions: asked for what there is, and to change it.

use std::sync::Arc;

use crate::definition::Metric;
use crate::model::EventTime;
use crate::registry::{self, Change, Draft, Origin, Patch, Registry};

/// Why a change was not made, or is not known to count yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotDone {
    /// By what is defined.
    Refused(registry::Refusal),
    /// It cannot be done now: why, and whether it is stored.
    Unavailable(String),
    /// Something is broken.
    Failed(String),
}

/// A change that is only worked out.
#[derive(Clone, PartialEq, Debug)]
pub struct Tried {
    /// What would be made now.
    pub change: Change,
    /// The first instant from which a version that is made now may count.
    pub earliest: EventTime,
}

/// Who keeps the definitions. May be called from many threads; a change takes until every task goes by it.
pub trait Catalogue: Send + Sync {
    /// What is defined now.
    fn registry(&self) -> Arc<Registry>;

    /// Whether all that is defined is known by now; until then nothing is answered of it.
    fn is_known(&self) -> bool;

    /// Whether the metric has the one topic that feeds it: where there are several it names it.
    ///
    /// # Errors
    /// What it should name.
    fn check_fed(&self, metric: &Metric, origin: Origin) -> Result<(), registry::Refusal>;

    /// Makes a metric; `who` asks for it.
    ///
    /// # Errors
    /// Why not.
    fn create(&self, draft: Draft, who: &str) -> Result<Change, NotDone>;

    /// Changes one.
    ///
    /// # Errors
    /// Why not.
    fn change(&self, tenant: &str, code: &str, patch: Patch, who: &str) -> Result<Change, NotDone>;

    /// What [`Catalogue::create`] would come to: nothing is stored.
    ///
    /// # Errors
    /// Why it would not be made.
    fn try_create(&self, draft: Draft, who: &str) -> Result<Tried, NotDone>;

    /// What [`Catalogue::change`] would come to: nothing is stored.
    ///
    /// # Errors
    /// Why it would not be made.
    fn try_change(
        &self,
        tenant: &str,
        code: &str,
        patch: Patch,
        who: &str,
    ) -> Result<Tried, NotDone>;

    /// Deletes one, at the version that the caller saw.
    ///
    /// # Errors
    /// Why not.
    fn delete(
        &self,
        tenant: &str,
        code: &str,
        seen: Option<u64>,
        who: &str,
    ) -> Result<Change, NotDone>;
}
