//! Writes a record's text into one buffer that is used again and again.

use super::chance::mixed;
use crate::model::{EventTime, Span};

const MICROS_PER_MILLI: i64 = 1_000;
const MICROS_PER_DAY: i64 = 86_400_000_000;
const HEX_DIGITS: [u8; 16] = *b"0123456789abcdef";

/// The text of one record.
#[derive(Clone, Debug)]
pub(super) struct Pen {
    text: Vec<u8>,
    /// The day whose date was written last, counted from the epoch, and that date: most records are of one day.
    day: i64,
    date: [u8; 10],
}

impl Pen {
    /// An empty page.
    pub(super) fn new() -> Self {
        Pen { text: Vec::with_capacity(1 << 12), day: 0, date: *b"1970-01-01" }
    }

    /// Begins the next record.
    pub(super) fn clear(&mut self) {
        self.text.clear();
    }

    /// What is written.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.text
    }

    /// Forgets the end of what is written.
    pub(super) fn truncate(&mut self, length: usize) {
        self.text.truncate(length);
    }

    /// The text as it stands.
    pub(super) fn text(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    /// Bytes that may be no text.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    /// A whole number.
    pub(super) fn number(&mut self, number: u64) {
        let mut digits = [0_u8; 20];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = digit(rest % 10);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.text.extend_from_slice(&digits[at..]);
    }

    /// A number of thousandths, with three fraction digits.
    pub(super) fn thousandths(&mut self, number: u64) {
        self.number(number / 1_000);
        let rest = number % 1_000;
        self.raw(&[b'.', digit(rest / 100), digit(rest / 10 % 10), digit(rest % 10)]);
    }

    /// The id of record `number`: the shape of a UUID, different for every number of one seed.
    pub(super) fn id(&mut self, seed: u64, number: u64) {
        let (high, low) = (mixed(mixed(seed) ^ number), mixed(!seed).wrapping_add(number));
        let mut digits = [b'-'; 36];
        let mut at = 0;
        for bits in [high, mixed(low)] {
            for shift in (0..16).rev() {
                if matches!(at, 8 | 13 | 18 | 23) {
                    at += 1;
                }
                digits[at] = HEX_DIGITS[usize::from((bits >> (4 * shift)).to_le_bytes()[0] & 15)];
                at += 1;
            }
        }
        self.text.extend_from_slice(&digits);
    }

    /// An instant in UTC, by the millisecond; what is finer is cut off.
    pub(super) fn time(&mut self, time: EventTime) {
        let micros = time.micros();
        let day = micros.div_euclid(MICROS_PER_DAY);
        if day != self.day {
            let midnight = EventTime::EARLIEST
                .saturating_add(Span::from_micros(day.saturating_mul(MICROS_PER_DAY)));
            let text = midnight.to_string();
            self.date.copy_from_slice(&text.as_bytes()[..10]);
            self.day = day;
        }
        let millis = u64::try_from(micros.rem_euclid(MICROS_PER_DAY) / MICROS_PER_MILLI)
            .expect("a rest is not negative");
        let (seconds, millis) = (millis / 1_000, millis % 1_000);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        self.text.extend_from_slice(&self.date);
        self.raw(&[
            b'T',
            digit(hour / 10),
            digit(hour % 10),
            b':',
            digit(minute / 10),
            digit(minute % 10),
            b':',
            digit(second / 10),
            digit(second % 10),
            b'.',
            digit(millis / 100),
            digit(millis / 10 % 10),
            digit(millis % 10),
            b'Z',
        ]);
    }
}

/// The digit of a number from 0 to 9.
fn digit(number: u64) -> u8 {
    b'0' + number.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::Pen;
    use crate::model::EventTime;

    #[track_caller]
    fn check(write: impl Fn(&mut Pen), expected: &str) {
        let mut pen = Pen::new();
        write(&mut pen);
        assert_eq!(String::from_utf8_lossy(pen.bytes()), expected);
    }

    #[test]
    fn numbers_and_instants_are_written_whole() {
        check(|pen| pen.number(0), "0");
        check(|pen| pen.number(u64::MAX), "18446744073709551615");
        check(|pen| pen.thousandths(12_045), "12.045");
        let time = EventTime::parse_rfc3339("2026-02-28T23:59:59.9999Z").expect("an instant");
        check(|pen| pen.time(time), "2026-02-28T23:59:59.999Z");
        check(|pen| pen.time(EventTime::EARLIEST), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn ids_have_the_shape_of_uuids_and_differ() {
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..10_000 {
            let mut pen = Pen::new();
            pen.id(1, number);
            let text = String::from_utf8_lossy(pen.bytes()).into_owned();
            assert_eq!(text.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
            assert!(seen.insert(text), "{number}");
        }
    }
}
