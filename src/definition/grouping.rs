//! Grouping: the texts that split a metric's events into keys (rules 5.4, 5.5). STUB

use crate::model::{Event, GroupValue, Object, Value};

/// A path of property keys, as `group_by` and `operation` write it (rule 5.4): keys with dots between, a key
/// that holds a dot in double quotes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct GroupPath {
    /// As the definition writes it.
    pub text: String,
    /// The keys, outermost first; never empty.
    pub keys: Vec<String>,
}

impl GroupPath {
    /// Reads a path. The error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        todo!()
    }
    /// The value at the path; `None` where it is missing, or leads through what is no object.
    pub fn find<'d>(&self, properties: Object<'d>) -> Option<Value<'d>> {
        todo!()
    }
}

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
    /// These for each value of an earlier dimension (its place in `group_by`); elsewhere it does not apply.
    Within(usize, Vec<(String, Vec<String>)>),
}

/// Outcome of grouping one event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Grouped {
    /// One value for each dimension was written.
    Key,
    /// The event is passed over.
    PassedOver,
}
