//! Grouping: the texts that split a metric's events into keys (rules 5.4, 5.5).
//!
//! A key is written into a buffer that is used again for the next event. Which metric and customer
//! it belongs to is not known here.

mod key;
mod path;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::model::Object;

pub use self::key::GroupKey;
pub use self::path::GroupPath;
pub(in crate::definition) use self::path::value_at;

use self::key::VALUE_BYTES_MAX;

/// What an undeclared value of a dimension does (rule 5.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OtherValues {
    /// Goes to the null group.
    Bucket,
    /// Passes the event over.
    Drop,
}

/// One dimension of `group_by`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dimension {
    /// The property.
    pub path: GroupPath,
    /// Declared values; `None`: any value.
    pub values: Option<DeclaredValues>,
    /// What others do.
    pub other: OtherValues,
}

/// Declared values of a dimension.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DeclaredValues {
    /// These.
    Any(Vec<String>),
    /// These for each value of an earlier dimension (its place in `group_by`); elsewhere it does
    /// not apply.
    Within(usize, Vec<(String, Vec<String>)>),
}

/// Outcome of grouping one event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grouped {
    /// One value for each dimension was written.
    Key,
    /// The event is passed over.
    PassedOver,
}

/// Why an event has no group (rule 5.4): `bad_group`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupFault {
    /// Place of the dimension in `group_by`.
    pub dimension: usize,
    /// What its value is.
    pub cause: GroupFaultCause,
}

/// What a value is that cannot be a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupFaultCause {
    /// An object or an array.
    Composite,
    /// A number beyond 38 integer digits (rule 3.3).
    OutOfRange,
    /// A text of more than 256 bytes: so many.
    TooLong(usize),
}

impl fmt::Display for GroupFaultCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GroupFaultCause::Composite => {
                f.write_str("an object or array cannot be a group: name one of its keys")
            }
            GroupFaultCause::OutOfRange => {
                f.write_str("a number of more than 38 digits before the point cannot be a group")
            }
            GroupFaultCause::TooLong(bytes) => {
                write!(f, "a text of {bytes} bytes cannot be a group: at most {VALUE_BYTES_MAX}")
            }
        }
    }
}

/// Writes the group of one event into `key`, whatever stood there before.
///
/// Dimensions are looked at in their order, and the first one that passes the event over or refuses
/// it decides (rule 5.7); `key` is then of no use. A linked dimension that does not apply is not
/// looked at at all: it is null even where the property is an object (rule 5.5). Where it applies,
/// or nothing is declared, what rule 5.4 refuses is refused before it is compared with declared
/// values.
///
/// # Errors
/// The first value that cannot be a group.
pub fn group_into(
    dimensions: &[Dimension],
    properties: Object<'_>,
    key: &mut GroupKey,
) -> Result<Grouped, GroupFault> {
    key.clear();
    for (place, dimension) in dimensions.iter().enumerate() {
        let declared = match &dimension.values {
            None => None,
            Some(DeclaredValues::Any(values)) => Some(values),
            Some(DeclaredValues::Within(earlier, lists)) => {
                let Some(values) = list_for(key.text_at(*earlier), lists) else {
                    key.push_null();
                    continue;
                };
                Some(values)
            }
        };
        let start = key.as_bytes().len();
        key.push_property(dimension.path.find(properties))
            .map_err(|cause| GroupFault { dimension: place, cause })?;
        if declared.is_some_and(|values| !is_one_of(key.text_at(place), values)) {
            match dimension.other {
                OtherValues::Bucket => key.replace_by_null(start),
                OtherValues::Drop => return Ok(Grouped::PassedOver),
            }
        }
    }
    Ok(Grouped::Key)
}

/// The values declared for an earlier dimension's value; `None` where the linked one does not
/// apply.
fn list_for<'l>(
    value: Option<&str>,
    lists: &'l [(String, Vec<String>)],
) -> Option<&'l Vec<String>> {
    let value = value?;
    lists.iter().find(|(name, _)| name == value).map(|(_, values)| values)
}

fn is_one_of(text: Option<&str>, values: &[String]) -> bool {
    text.is_some_and(|text| values.iter().any(|value| value == text))
}
