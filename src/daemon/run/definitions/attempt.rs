//! One change of what is defined, stored: tried again where another listener has its turn in between.

use std::time::Duration;

use super::Writing;
use super::shelf;
use crate::admin::NotDone;
use crate::daemon::clock;
use crate::registry::{Change, Refusal, Registry};

/// How often a change may fail to be stored, or be overtaken by another listener's, before that is told.
const FAILED_MAX: u32 = 3;
const OVERTAKEN_MAX: u32 = 20;

/// Works a change out and stores it; anew, where another listener had its turn in between. Whether one that was not
/// acknowledged is stored all the same, the next turn tells.
pub(super) fn stored(
    writing: &mut Writing,
    work_out: impl Fn(&Registry) -> Result<Change, Refusal>,
) -> Result<Change, NotDone> {
    let Writing { registry, shelf, .. } = writing;
    let not_stored = |error: &shelf::Error, what: &str| {
        tracing::error!(%error, "a definition could not be stored");
        NotDone::Unavailable(format!("it could not be stored, and {what}: {error}"))
    };
    let mut tries = Tries::default();
    let mut unproven: Option<(Change, shelf::Error)> = None;
    loop {
        let turn = match shelf.begin(registry) {
            Ok(turn) => turn,
            Err(error) if error.is_overtaken() && tries.may_go_on(&error) => continue,
            Err(error) => {
                return Err(match &unproven {
                    None => not_stored(&error, "nothing was changed"),
                    Some(_) => not_stored(
                        &error,
                        "whether it will be is not known: read it, and try again",
                    ),
                });
            }
        };
        if let Some((change, error)) = unproven.take() {
            if registry.records().any(|stored| *stored == change.record) {
                return Ok(change);
            }
            if !tries.may_go_on(&error) {
                return Err(not_stored(&error, "nothing was changed"));
            }
        }
        let change = work_out(registry).and_then(Change::fitting).map_err(NotDone::Refused)?;
        // Also a call that changes nothing may have to be known again.
        if change.record.revision <= registry.revision() {
            return Ok(change);
        }
        match shelf.store(turn, &change.record, registry) {
            Ok(()) => return Ok(change),
            Err(error) if error.is_too_large() => {
                return Err(NotDone::Refused(change.refused_by_topic()));
            }
            Err(error) => unproven = Some((change, error)),
        }
    }
}

/// How often a change was tried.
#[derive(Default)]
struct Tries {
    overtaken: u32,
    failed: u32,
}

impl Tries {
    /// Whether it may be tried once more after that. Listeners that overtake one another come out of step by chance.
    fn may_go_on(&mut self, error: &shelf::Error) -> bool {
        if !error.is_overtaken() {
            self.failed += 1;
            return self.failed < FAILED_MAX;
        }
        self.overtaken += 1;
        let mut chance = [0];
        getrandom::fill(&mut chance).expect("the system gives random bytes");
        let millis = u64::from(chance[0]) * u64::from(self.overtaken) / 4;
        clock::pause(Duration::from_millis(millis));
        self.overtaken < OVERTAKEN_MAX
    }
}
