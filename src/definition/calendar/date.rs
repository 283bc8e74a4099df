//! Dates of the proleptic Gregorian calendar, as numbers of days, and the months they fall in.
//!
//! Whole numbers only, for any year: knows nothing of zones or of the length of a day.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "days and months of instants in microseconds are far from the limits of 64 bits"
)]

/// A date, as the number of days since 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Date(i64);

/// A month, as the number of months since January of the year 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Month(i64);

impl Date {
    /// The date so many days after 1970-01-01.
    pub(super) fn from_number(number: i64) -> Self {
        Date(number)
    }

    /// Days since 1970-01-01.
    pub(super) fn number(self) -> i64 {
        self.0
    }

    /// The month that holds it.
    ///
    /// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    pub(super) fn month(self) -> Month {
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
        let year_of_era = (day_of_era - leap_days) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let months_since_march = (5 * day_of_year + 2) / 153;
        Month((era * 400 + year_of_era) * 12 + months_since_march + 2)
    }
}

impl Month {
    /// The month so many months after January of the year 0.
    pub(super) fn from_number(number: i64) -> Self {
        Month(number)
    }

    /// Months since January of the year 0.
    pub(super) fn number(self) -> i64 {
        self.0
    }

    /// The `day`-th of the month, or its last day where it is shorter (rule 6.2).
    pub(super) fn day_or_last(self, day: u8) -> Date {
        let first = self.first().0;
        let length = Month(self.0 + 1).first().0 - first;
        Date(first + i64::from(day).min(length) - 1)
    }

    /// Its first day.
    ///
    /// From the same source, `days_from_civil`, with day 1.
    fn first(self) -> Date {
        let months_since_march = (self.0 - 2).rem_euclid(12);
        let year = (self.0 - 2).div_euclid(12);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * months_since_march + 2) / 5;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Date(era * 146_097 + day_of_era - 719_468)
    }
}
