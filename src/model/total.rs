//! A finished number: one revision of one metric, customer, group and period (rules 7.2 to 7.4).

use super::decimal::Amount;
use super::period::Period;
use super::time::EventTime;

/// The text of one group dimension; `None` is the null group (rule 5.4).
pub type GroupValue = Option<Box<str>>;

/// Why a total was emitted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TotalKind {
    /// Revision 1 of a period that became due.
    Final,
    /// Revision 2 and later.
    Correction,
    /// A look at an open period; revision 0.
    Provisional,
}

/// What a total says of the offsets at which its events stood in their partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Provenance {
    /// Nothing: offsets are not kept.
    Unasked,
    /// The smallest and the greatest; `None` where the period has no events of its own, or where offsets were not kept
    /// yet when one of these was folded.
    Offsets(Option<(i64, i64)>),
}

/// One revision of a total. Which metric it belongs to is named by its place in the plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeriodTotal {
    /// Place of the metric in the plan.
    pub metric: u32,
    /// Which of its versions, counted from 0.
    pub version: u32,
    /// Who is billed.
    pub customer: Box<str>,
    /// One value per dimension of the metric's `group_by`, in its order.
    pub group: Box<[GroupValue]>,
    /// What span it covers.
    pub period: Period,
    /// IANA name of the zone the period was cut in.
    pub timezone: Box<str>,
    /// Why it was emitted.
    pub kind: TotalKind,
    /// 0 for a provisional total, else from 1.
    pub revision: u64,
    /// The total (rules 3.4, 3.5); `None` where `result` gave none (rule 4.6).
    pub value: Option<Amount>,
    /// The value of the revision before; `None` at revision 1 or where that was null.
    pub previous: Option<Amount>,
    /// `value - previous`, a null counted as 0 (rule 4.6). `None`: not known, of a correction that is only looked at.
    pub delta: Option<Amount>,
    /// Events of the period itself.
    pub events: u64,
    /// Smallest and greatest time of those events.
    pub event_times: Option<(EventTime, EventTime)>,
    /// Where those events stood.
    pub provenance: Provenance,
}
