//! Where a text stops being JSON, and why: words for the people who read the rejects.

use std::fmt;

/// The first fault of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JsonError {
    /// Byte at which it shows, counted from 0.
    pub place: usize,
    /// What is wrong there.
    pub fault: JsonFault,
}

/// What is wrong with a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JsonFault {
    /// Longer than 32 bits can count.
    TooLong,
    /// Not UTF-8.
    NotUtf8,
    /// It ends before the value does, or holds none.
    Ended,
    /// Deeper than [`LEVELS_MAX`](super::LEVELS_MAX).
    TooDeep,
    /// No value begins here.
    NoValue,
    /// No key begins here.
    NoKey,
    /// No colon after a key.
    NoColon,
    /// Neither a comma nor the end after a member.
    NoCommaInObject,
    /// Neither a comma nor the end after an element.
    NoCommaInArray,
    /// A number such as `01`, `1.` or `-`.
    BadNumber,
    /// A raw control character in a string.
    ControlCharacter,
    /// A backslash before something that JSON does not escape.
    BadEscape,
    /// One half of a surrogate pair without the other.
    HalfSurrogate,
    /// Something stands after the value.
    TrailingText,
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JsonFault::TooLong => "the text is longer than 4 GiB",
            JsonFault::NotUtf8 => "the bytes are not UTF-8",
            JsonFault::Ended => "the text ends inside a value, or has none",
            JsonFault::TooDeep => "nested deeper than 100 levels",
            JsonFault::NoValue => "a JSON value should stand here",
            JsonFault::NoKey => "a key in double quotes should stand here",
            JsonFault::NoColon => "a colon should follow the key",
            JsonFault::NoCommaInObject => "a comma or } should follow the member",
            JsonFault::NoCommaInArray => "a comma or ] should follow the element",
            JsonFault::BadNumber => "the number is not of JSON's form, such as -12.5e3",
            JsonFault::ControlCharacter => "a control character in a string should be escaped",
            JsonFault::BadEscape => {
                "the escape should be one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX"
            }
            JsonFault::HalfSurrogate => {
                "half of a surrogate pair; both halves should stand together"
            }
            JsonFault::TrailingText => "nothing should follow the JSON value",
        })
    }
}

/// The fault and its byte.
impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.place, self.fault)
    }
}

impl std::error::Error for JsonError {}
