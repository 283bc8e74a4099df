//! The group of one event as bytes: what keys are compared, hashed and stored by.
//! Two groups are the same where their bytes are. Which values are declared is not known here.

use std::fmt::{self, Write as _};

use super::GroupFaultCause;
use crate::model::{GroupValue, NodeKind, Number, Value};

/// Longest text of a group value (rule 5.4).
pub(super) const VALUE_BYTES_MAX: usize = 256;

/// Longest text that is a plain integer of rule 3.3.
const INTEGER_DIGITS_MAX: usize = 38;

const NULL_TAG: u8 = 0;
const VALUE_TAG: u8 = 1;

/// The group of one event, in a buffer to be used again.
///
/// ```text
/// one dimension after the other:  00                          the null group
///                                 01 | length u16 BE | UTF-8  a value
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupKey {
    bytes: Vec<u8>,
}

impl GroupKey {
    /// The key of a metric without dimensions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The key that was stored as these bytes; `None` where they are none.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = split_value(rest)?.1;
        }
        Some(Self { bytes: bytes.to_vec() })
    }

    /// What is stored and compared.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The text of each dimension, `None` for the null group, without a copy.
    pub fn texts(&self) -> impl Iterator<Item = Option<&str>> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let (text, behind) = split_value(rest)?;
            rest = behind;
            Some(text)
        })
    }

    /// The text of each dimension.
    #[must_use]
    pub fn values(&self) -> Vec<GroupValue> {
        self.texts().map(|text| text.map(Box::from)).collect()
    }

    /// Forgets all dimensions, keeps the room.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The text of the dimension at that place; `None` where it is null.
    pub(super) fn text_at(&self, place: usize) -> Option<&str> {
        self.texts().nth(place)?
    }

    /// Appends the null group.
    pub(super) fn push_null(&mut self) {
        self.bytes.push(NULL_TAG);
    }

    /// Makes the null group of the last dimension, which was written at `start`.
    pub(super) fn replace_by_null(&mut self, start: usize) {
        self.bytes.truncate(start);
        self.push_null();
    }

    /// Appends the group value of a property (rule 5.4); a missing one is null.
    pub(super) fn push_property(
        &mut self,
        value: Option<Value<'_>>,
    ) -> Result<(), GroupFaultCause> {
        let Some(value) = value else {
            self.push_null();
            return Ok(());
        };
        match value.kind() {
            NodeKind::Null => {
                self.push_null();
                Ok(())
            }
            NodeKind::True => self.push_text("true"),
            NodeKind::False => self.push_text("false"),
            NodeKind::Plain => self.push_text(value.raw()),
            NodeKind::Escaped => self.push_text(&value.string().unwrap_or_default()),
            NodeKind::Number => self.push_number(value.raw()),
            NodeKind::Array | NodeKind::Object => Err(GroupFaultCause::Composite),
        }
    }

    fn push_text(&mut self, text: &str) -> Result<(), GroupFaultCause> {
        let too_long = GroupFaultCause::TooLong(text.len());
        let length = u16::try_from(text.len()).map_err(|_| too_long)?;
        if text.len() > VALUE_BYTES_MAX {
            return Err(too_long);
        }
        self.bytes.push(VALUE_TAG);
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// A number by rule 3.4. A plain JSON integer is spelt so already.
    fn push_number(&mut self, digits: &str) -> Result<(), GroupFaultCause> {
        if digits.len() <= INTEGER_DIGITS_MAX && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return self.push_text(digits);
        }
        let number = Number::parse_json(digits).map_err(|_| GroupFaultCause::OutOfRange)?;
        let mut text = ShortText::default();
        write!(text, "{}", number.to_amount()).expect("38 and 18 digits, point and sign fit");
        self.push_text(text.as_str())
    }
}

/// The first value of an encoded key, and what follows it.
fn split_value(bytes: &[u8]) -> Option<(Option<&str>, &[u8])> {
    match bytes {
        [NULL_TAG, rest @ ..] => Some((None, rest)),
        [VALUE_TAG, high, low, rest @ ..] => {
            let (text, rest) =
                rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))?;
            Some((Some(std::str::from_utf8(text).ok()?), rest))
        }
        _ => None,
    }
}

/// Room for the text of a number, so that none need be taken from the heap.
struct ShortText {
    bytes: [u8; 64],
    length: usize,
}

impl Default for ShortText {
    fn default() -> Self {
        Self { bytes: [0; 64], length: 0 }
    }
}

impl ShortText {
    fn as_str(&self) -> &str {
        let written = self.bytes.get(..self.length).unwrap_or_default();
        std::str::from_utf8(written).expect("only whole texts were written")
    }
}

impl fmt::Write for ShortText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length.saturating_add(text.len());
        let room = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}
