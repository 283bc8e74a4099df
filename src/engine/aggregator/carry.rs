//! What a recurring key carries from one period into the next (rules 4.2, 4.3).

use std::collections::BTreeSet;

use hashbrown::HashSet;

use super::Aggregate;
use super::members::Member;
use super::parts::{Part, PartKey, PartValue};
use super::stamp::{Operation, Stamp};
use crate::definition::{AggregationKind, Metric};
use crate::model::{Amount, Quantity};

/// The state at the border of two periods.
#[derive(Clone, PartialEq, Debug)]
pub enum Carry {
    /// A sum, or the level of a weighted sum.
    Sum(Amount),
    /// The newest value.
    Latest(Option<Stamp<Quantity>>),
    /// The active members.
    Members(Active),
}

/// Active members of a unique count. Those removed are forgotten: whatever comes later is newer.
#[derive(Clone, Default, Debug)]
pub struct Active {
    members: HashSet<Member>,
    changed: BTreeSet<Member>,
}

// What was stored when is no part of the value.
impl PartialEq for Active {
    fn eq(&self, other: &Self) -> bool {
        self.members == other.members
    }
}

impl Active {
    /// How many are active.
    pub fn active_count(&self) -> usize {
        self.members.len()
    }

    /// Whether that one is.
    pub fn is_active(&self, member: &Member) -> bool {
        self.members.contains(member)
    }

    fn apply(&mut self, member: &Member, operation: Operation) {
        let is_changed = match operation {
            Operation::Add => self.members.insert(member.clone()),
            Operation::Remove => self.members.remove(member),
        };
        if is_changed {
            self.changed.insert(member.clone());
        }
    }

    fn sorted(&self) -> Vec<&Member> {
        let mut sorted: Vec<&Member> = self.members.iter().collect();
        sorted.sort_unstable();
        sorted
    }
}

impl Carry {
    /// What the first period of a recurring metric begins with.
    pub fn nothing(metric: &Metric) -> Self {
        match metric.aggregation {
            AggregationKind::Latest => Carry::Latest(None),
            AggregationKind::UniqueCount => Carry::Members(Active::default()),
            _ => Carry::Sum(Amount::ZERO),
        }
    }

    /// Moves over a period: takes in what it folded. Periods come in order of time.
    pub fn absorb(&mut self, aggregate: &Aggregate) {
        match (self, aggregate) {
            (Carry::Sum(sum), Aggregate::Sum(more)) => *sum = sum.plus(*more),
            (Carry::Sum(sum), Aggregate::Weighted(more) | Aggregate::Prorated(more)) => {
                *sum = sum.plus(more.level);
            }
            (Carry::Latest(stamp), Aggregate::Latest(Some(newer))) => *stamp = Some(*newer),
            (Carry::Latest(_), Aggregate::Latest(None)) => {}
            (Carry::Members(active), Aggregate::Unique(members)) => {
                for member in members.sorted() {
                    active.apply(member, Operation::Add);
                }
            }
            (Carry::Members(active), Aggregate::Operations(operations)) => {
                operations.outcomes(|member, operation| active.apply(member, operation));
            }
            (own, other) => panic!("{other:?} does not carry into {own:?}"),
        }
    }

    /// Whether it is nothing: a sum, level or latest value of zero, no active member (rule 4.3).
    pub fn is_nothing(&self) -> bool {
        match self {
            Carry::Sum(sum) => sum.is_zero(),
            Carry::Latest(stamp) => stamp.is_none_or(|stamp| stamp.value == Quantity::ZERO),
            Carry::Members(active) => active.members.is_empty(),
        }
    }

    /// The sum that came in; 0 for keys that carry none.
    pub(super) fn sum_of(carry: Option<&Carry>) -> Amount {
        match carry {
            Some(Carry::Sum(sum)) => *sum,
            None => Amount::ZERO,
            Some(other) => panic!("{other:?} holds no sum"),
        }
    }

    /// The period's own newest value, or else the one that came in.
    pub(super) fn newest_with(
        carry: Option<&Carry>,
        own: Option<Stamp<Quantity>>,
    ) -> Option<Stamp<Quantity>> {
        match (own, carry) {
            (None, Some(Carry::Latest(carried))) => *carried,
            (own, _) => own,
        }
    }

    /// The active members that came in.
    pub(super) fn members(&self) -> &Active {
        match self {
            Carry::Members(active) => active,
            other => panic!("{other:?} holds no members"),
        }
    }

    /// Whether it is stored by parts.
    pub fn has_parts(&self) -> bool {
        matches!(self, Carry::Members(_))
    }

    /// Moves the parts that changed since the last call to `sink`.
    pub fn take_changes(&mut self, sink: &mut Vec<(Part, PartValue)>) {
        let Carry::Members(active) = self else { return };
        sink.extend(std::mem::take(&mut active.changed).into_iter().map(|member| {
            let is_active = active.members.contains(&member);
            let value = if is_active { PartValue::Present } else { PartValue::Absent };
            (Part::plain(PartKey::Member(member)), value)
        }));
    }

    /// Every part.
    pub fn parts(&self, sink: &mut Vec<(Part, PartValue)>) {
        let Carry::Members(active) = self else { return };
        let members = active.sorted().into_iter().cloned();
        sink.extend(
            members.map(|member| (Part::plain(PartKey::Member(member)), PartValue::Present)),
        );
    }

    /// Puts one stored part back.
    pub fn restore(&mut self, part: Part) {
        match (self, part.key) {
            (Carry::Members(active), PartKey::Member(member)) => {
                active.members.insert(member);
            }
            (own, other) => panic!("{other:?} is no part of {own:?}"),
        }
    }

    /// Roughly how many bytes of memory it takes beyond its own size.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths within memory")]
    pub fn part_bytes(&self) -> usize {
        match self {
            Carry::Members(active) => (active.members.len() + active.changed.len()) * 64,
            Carry::Sum(_) | Carry::Latest(_) => 0,
        }
    }
}
