//! Instants of event time and spans between them, in whole microseconds (rule 1.2).
//!
//! Knows nothing of zones or calendars, and reads no clock.

use std::fmt;

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// An instant, in microseconds since the Unix epoch.
///
/// Events lie between [`EventTime::EARLIEST`] and [`EventTime::LATEST`]; borders of periods may lie a little outside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EventTime(i64);

impl EventTime {
    /// The first instant an event may bear: 1970-01-01T00:00:00Z.
    pub const EARLIEST: EventTime = EventTime(0);
    /// The last instant an event may bear: 9998-12-31T23:59:59.999999Z.
    pub const LATEST: EventTime = EventTime(253_370_764_799_999_999);

    /// The instant so many microseconds after the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        EventTime(micros)
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whether an event may bear this instant: the years 1970 to 9998 (rule 1.2).
    pub fn is_admissible(self) -> bool {
        self >= Self::EARLIEST && self <= Self::LATEST
    }

    /// This instant moved by `span`, or the end of the representable range.
    #[must_use]
    pub fn saturating_add(self, span: Span) -> Self {
        EventTime(self.0.saturating_add(span.0))
    }

    /// This instant moved back by `span`, or the end of the representable range.
    #[must_use]
    pub fn saturating_sub(self, span: Span) -> Self {
        EventTime(self.0.saturating_sub(span.0))
    }

    /// The span from `earlier` to this instant (negative where it is later).
    pub fn since(self, earlier: EventTime) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// Number of the UTC day that holds this instant, counted from the epoch.
    pub fn utc_day(self) -> i64 {
        self.0.div_euclid(SECONDS_PER_DAY * MICROS_PER_SECOND)
    }
}

impl EventTime {
    /// Reads an RFC 3339 instant by rule 1.2: any offset, `T`, `t` or a space, any number of fraction digits (those
    /// past the sixth are cut off toward minus infinity), second 60 as 59. `None` where the text is not of that form;
    /// whether the instant is admissible is for the caller to ask.
    #[expect(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        reason = "the length is looked at first, and no field has more than four digits"
    )]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() < 20 || bytes[4] != b'-' || bytes[7] != b'-' {
            return None;
        }
        if !matches!(bytes[10], b'T' | b't' | b' ') || bytes[13] != b':' || bytes[16] != b':' {
            return None;
        }
        let (year, month, day) = (four(bytes, 0)?, two(bytes, 5)?, two(bytes, 8)?);
        let (hour, minute, second) = (two(bytes, 11)?, two(bytes, 14)?, two(bytes, 17)?.min(60));
        if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
            return None;
        }
        if hour > 23 || minute > 59 || two(bytes, 17)? > 60 {
            return None;
        }
        let (fraction_micros, rest) = fraction(&bytes[19..])?;
        let offset_seconds = offset(rest)?;
        let day_number = days_from_civil(year, month, day);
        let seconds = day_number * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second.min(59);
        Some(EventTime((seconds - offset_seconds) * MICROS_PER_SECOND + fraction_micros))
    }
}

/// UTC, RFC 3339, with as many fraction digits as needed and no more.
impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(MICROS_PER_SECOND);
        let micros = self.0.rem_euclid(MICROS_PER_SECOND);
        let (year, month, day) = civil_from_days(seconds.div_euclid(SECONDS_PER_DAY));
        let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        if (0..=9999).contains(&year) {
            let mut text = *b"0000-00-00T00:00:00";
            let fields = [year, month, day, hour, minute, second];
            for (range, field) in
                [0..4, 5..7, 8..10, 11..13, 14..16, 17..19].into_iter().zip(fields)
            {
                #[expect(clippy::indexing_slicing, reason = "the ranges are those of the text")]
                put_digits(&mut text[range], field);
            }
            f.write_str(text_of(&text))?;
        } else {
            write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        }
        if micros > 0 {
            let mut digits = *b".000000";
            put_digits(&mut digits[1..], micros);
            f.write_str(text_of(&digits).trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

/// Writes a number that is not negative with as many digits as there is room for. A formatter takes ten times as long,
/// and every total bears five instants.
#[expect(clippy::arithmetic_side_effects, reason = "a digit is less than 10")]
fn put_digits(room: &mut [u8], number: i64) {
    let mut rest = number;
    for byte in room.iter_mut().rev() {
        *byte = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
}

fn text_of(digits: &[u8]) -> &str {
    std::str::from_utf8(digits).expect("digits and signs are text")
}

fn digit(bytes: &[u8], at: usize) -> Option<i64> {
    let value = bytes.get(at)?.wrapping_sub(b'0');
    (value <= 9).then_some(i64::from(value))
}

#[expect(clippy::arithmetic_side_effects, reason = "two digits, and a place in a text")]
fn two(bytes: &[u8], at: usize) -> Option<i64> {
    Some(digit(bytes, at)? * 10 + digit(bytes, at + 1)?)
}

#[expect(clippy::arithmetic_side_effects, reason = "four digits, and a place in a text")]
fn four(bytes: &[u8], at: usize) -> Option<i64> {
    Some(two(bytes, at)? * 100 + two(bytes, at + 2)?)
}

/// The microseconds of `.ddd...` at the front, if it is there, and what follows.
#[expect(clippy::arithmetic_side_effects, reason = "six digits")]
fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', past)) = bytes.split_first() else { return Some((0, bytes)) };
    let count = past.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    let (digits, rest) = past.split_at(count);
    let micros = (0..6).fold(0, |micros, place| micros * 10 + digit(digits, place).unwrap_or(0));
    Some((micros, rest))
}

/// Seconds east of UTC of `Z`, `z` or `±hh:mm`, which must be all there is.
#[expect(clippy::arithmetic_side_effects, reason = "hours and minutes of two digits")]
fn offset(bytes: &[u8]) -> Option<i64> {
    let sign = match (bytes, bytes.first()?) {
        ([b'Z' | b'z'], _) => return Some(0),
        (_, b'+') => 1,
        (_, b'-') => -1,
        _ => return None,
    };
    if bytes.len() != 6 || bytes.get(3) != Some(&b':') {
        return None;
    }
    let (hours, minutes) = (two(bytes, 1)?, two(bytes, 4)?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar.
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
#[expect(clippy::arithmetic_side_effects, reason = "a year has four digits")]
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Inverse of [`days_from_civil`], from the same source.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "days of instants in microseconds are far from the limits of 64 bits"
)]
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// A length of time in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Span(i64);

impl Span {
    /// No time.
    pub const ZERO: Span = Span(0);

    /// So many microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Span(micros)
    }

    /// So many seconds.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "a span that 64 bits do not hold must stop, not wrap"
    )]
    pub const fn from_seconds(seconds: i64) -> Self {
        Span(seconds * MICROS_PER_SECOND)
    }

    /// In microseconds.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Reads a whole number and one of `ms s m h d w`; `None` for anything else, or past 290,000 years.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let micros = match unit {
            "ms" => 1_000,
            "s" => MICROS_PER_SECOND,
            "m" => 60 * MICROS_PER_SECOND,
            "h" => 3_600 * MICROS_PER_SECOND,
            "d" => SECONDS_PER_DAY * MICROS_PER_SECOND,
            "w" => 7 * SECONDS_PER_DAY * MICROS_PER_SECOND,
            _ => return None,
        };
        number.parse::<i64>().ok()?.checked_mul(micros).map(Span)
    }
}

/// The shortest text that [`Span::parse`] reads back, with the largest unit that fits whole.
impl fmt::Display for Span {
    #[expect(clippy::arithmetic_side_effects, reason = "no divisor is 0 or -1")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let units = [("w", 604_800_000_000), ("d", 86_400_000_000), ("h", 3_600_000_000)];
        let smaller = [("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000)];
        for (name, micros) in units.into_iter().chain(smaller) {
            if self.0 % micros == 0 {
                return write!(f, "{}{name}", self.0 / micros);
            }
        }
        write!(f, "{}us", self.0)
    }
}
