//! Smallest and greatest of what a cell has seen, in no more bytes than the two take: one for each period of each key.
//!
//! Used by `engine::cell`, which says what an empty one means. Knows nothing of events.

use crate::model::EventTime;

/// What an extent can be of.
pub trait Ordinal: Copy + Ord {
    /// Two values of which the first is the greater: together they stand for nothing seen.
    const NOTHING: (Self, Self);
}

/// Smallest and greatest, or nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent<T> {
    // Greater than `greatest` where nothing was seen; an Option would take eight bytes more.
    least: T,
    greatest: T,
}

impl Ordinal for EventTime {
    const NOTHING: (Self, Self) = (EventTime::from_micros(1), EventTime::from_micros(0));
}

/// Offsets in a partition.
impl Ordinal for i64 {
    const NOTHING: (Self, Self) = (1, 0);
}

impl<T: Ordinal> Extent<T> {
    /// Nothing seen.
    pub const NOTHING: Self = {
        let (least, greatest) = T::NOTHING;
        Extent { least, greatest }
    };

    /// From the first to the second; `None` where the first is the greater.
    pub fn between(least: T, greatest: T) -> Option<Self> {
        (least <= greatest).then_some(Extent { least, greatest })
    }

    /// With one more seen.
    #[must_use]
    pub fn with(self, one: T) -> Self {
        match self.bounds() {
            None => Extent { least: one, greatest: one },
            Some((least, greatest)) => {
                Extent { least: least.min(one), greatest: greatest.max(one) }
            }
        }
    }

    /// Smallest and greatest; `None` where nothing was seen.
    pub fn bounds(self) -> Option<(T, T)> {
        (self.least <= self.greatest).then_some((self.least, self.greatest))
    }
}

#[test]
fn extent_of_what_was_seen_is_known_from_the_first_on() {
    let nothing = Extent::<i64>::NOTHING;
    assert_eq!(nothing.bounds(), None);
    assert_eq!(nothing.with(0).bounds(), Some((0, 0)));
    assert_eq!(nothing.with(7).with(3).with(5).bounds(), Some((3, 7)));
    assert_eq!(Extent::<EventTime>::NOTHING.bounds(), None);
    assert_eq!(Extent::between(3, 7), Some(nothing.with(7).with(3)));
    assert_eq!(Extent::between(7, 3), None);
}
