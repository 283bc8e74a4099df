//! Members of a unique count with the operations on them (rules 4.1, 4.4).

use std::collections::BTreeMap;

use super::carry::Carry;
use super::members::Member;
use super::parts::{Changes, Part, PartKey, PartValue};
use super::stamp::Operation;
use super::{Fold, Frame};
use crate::model::{Amount, EventTime, Ratio};

/// How much of the past a total needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kept {
    /// The newest operation of each member: enough to tell who is active.
    Newest,
    /// Every operation: days of activity depend on all of them, and a late one may fall between two.
    All,
}

type Moments = BTreeMap<(EventTime, u64), Operation>;

/// Operations by member. Costs about 100 bytes and the text for each member, and 24 for each further operation kept.
#[derive(Clone, PartialEq, Debug)]
pub struct Operations {
    kept: Kept,
    members: BTreeMap<Member, Moments>,
    count: usize,
    bytes: usize,
    changes: Changes<Member>,
}

impl Operations {
    /// For totals that ask who is active.
    pub fn keeping_newest() -> Self {
        Operations::new(Kept::Newest)
    }

    /// For totals that ask on which dates.
    pub fn keeping_all() -> Self {
        Operations::new(Kept::All)
    }

    /// Whether every operation is kept.
    pub fn is_keeping_all(&self) -> bool {
        self.kept == Kept::All
    }

    fn new(kept: Kept) -> Self {
        let (members, changes) = (BTreeMap::new(), Changes::default());
        Operations { kept, members, count: 0, bytes: 0, changes }
    }

    pub(super) fn fold(&mut self, fold: &Fold) {
        let (member, operation) = fold.value.member();
        self.insert(member, (fold.time, fold.order), operation);
        self.changes.note(self.count, || member.clone());
    }

    #[expect(
        clippy::arithmetic_side_effects,
        reason = "lengths within memory; the member's operations are among those counted"
    )]
    fn insert(&mut self, member: &Member, place: (EventTime, u64), operation: Operation) {
        if !self.members.contains_key(member) {
            self.bytes += member.bytes();
        }
        let moments = self.members.entry(member.clone()).or_default();
        self.count -= moments.len();
        moments.insert(place, operation);
        if self.kept == Kept::Newest && moments.len() > 1 {
            moments.pop_first();
        }
        self.count += moments.len();
    }

    /// The newest operation of each member, in order of members.
    pub fn outcomes(&self, mut each: impl FnMut(&Member, Operation)) {
        for (member, moments) in &self.members {
            let (_, operation) = moments.last_key_value().expect("a member has an operation");
            each(member, *operation);
        }
    }

    #[expect(clippy::arithmetic_side_effects, reason = "who is lost was carried")]
    pub(super) fn finish(&self, frame: &Frame<'_>, carry: Option<&Carry>) -> Ratio {
        if frame.metric.is_prorated {
            return self.finish_prorated(frame, carry);
        }
        let (mut gained, mut lost) = (0_u64, 0_u64);
        self.outcomes(|member, operation| {
            let was_active = carry.is_some_and(|carry| carry.members().is_active(member));
            gained += u64::from(operation == Operation::Add && !was_active);
            lost += u64::from(operation == Operation::Remove && was_active);
        });
        let total = carried_count(carry) + gained - lost;
        Ratio { numerator: Amount::from_integer(total), denominator: 1 }
    }

    /// Dates of activity over the dates of the period (rule 4.4).
    #[expect(clippy::arithmetic_side_effects, reason = "both are at most the dates of a period")]
    fn finish_prorated(&self, frame: &Frame<'_>, carry: Option<&Carry>) -> Ratio {
        let dates = frame.calendar.dates_in(frame.slot.period);
        let mut active_dates = Amount::from_integer(carried_count(carry)).times(dates);
        for (member, moments) in &self.members {
            let was_active = carry.is_some_and(|carry| carry.members().is_active(member));
            let own = active_dates_of(frame, moments, was_active, dates);
            let carried = if was_active { dates } else { 0 };
            active_dates = active_dates.plus(Amount::from_integer(1).times(own - carried));
        }
        let denominator = u64::try_from(dates).expect("a period has dates");
        Ratio { numerator: active_dates, denominator }
    }

    pub(super) fn merge(&mut self, other: &Operations) {
        for (member, moments) in &other.members {
            for (place, operation) in moments {
                self.insert(member, *place, *operation);
            }
            self.changes.note(self.count, || member.clone());
        }
    }

    pub(super) fn take_changes(&mut self, sink: &mut Vec<(Part, PartValue)>) {
        match self.changes.take() {
            None => self.parts(sink),
            Some(members) => {
                for member in members {
                    let moments = self.members.get(&member).expect("members only come");
                    self.parts_of(&member, moments, sink);
                }
            }
        }
    }

    pub(super) fn parts(&self, sink: &mut Vec<(Part, PartValue)>) {
        for (member, moments) in &self.members {
            self.parts_of(member, moments, sink);
        }
    }

    fn parts_of(&self, member: &Member, moments: &Moments, sink: &mut Vec<(Part, PartValue)>) {
        for ((time, order), operation) in moments {
            sink.push(match self.kept {
                Kept::Newest => {
                    let value = PartValue::Newest(*time, *order, *operation);
                    (Part::plain(PartKey::Member(member.clone())), value)
                }
                Kept::All => {
                    let key = PartKey::Operation(member.clone(), *time, *order);
                    (Part::plain(key), PartValue::Operation(*operation))
                }
            });
        }
    }

    pub(super) fn restore(&mut self, part: Part, value: PartValue) {
        match (part.key, value) {
            (PartKey::Member(member), PartValue::Newest(time, order, operation))
            | (PartKey::Operation(member, time, order), PartValue::Operation(operation)) => {
                self.insert(&member, (time, order), operation);
            }
            other => panic!("no part of a unique count with operations: {other:?}"),
        }
    }

    #[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.members.len() * 60 + self.count * 24 + self.changes.bytes()
    }
}

fn carried_count(carry: Option<&Carry>) -> u64 {
    let count = carry.map_or(0, |carry| carry.members().active_count());
    u64::try_from(count).expect("a count of things in memory")
}

/// On how many dates of the period a member was active; both ends of a stretch count, no date twice.
#[expect(clippy::arithmetic_side_effects, reason = "numbers of dates of a period")]
fn active_dates_of(frame: &Frame<'_>, moments: &Moments, was_active: bool, dates: i64) -> i64 {
    let mut active_since = was_active.then_some(0);
    let mut first_free = 0;
    let mut total = 0;
    let mut count = |since: i64, last: i64| {
        total += (last - since.max(first_free) + 1).max(0);
        first_free = first_free.max(last + 1);
    };
    for ((time, _), operation) in moments {
        let date = frame.calendar.date_index(frame.slot.period, *time);
        match (operation, active_since) {
            (Operation::Add, None) => active_since = Some(date),
            (Operation::Remove, Some(since)) => {
                count(since, date);
                active_since = None;
            }
            (Operation::Add, Some(_)) | (Operation::Remove, None) => {}
        }
    }
    if let Some(since) = active_since {
        count(since, dates - 1);
    }
    total
}
