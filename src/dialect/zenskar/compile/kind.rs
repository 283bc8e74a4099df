//! The kind of value that an expression has, as far as it is known before an event is there, and what its place wants.
//!
//! SQL has 1 and 0 for true and false, and rule 5.2 has not: what is true or false is written out as a number where one is
//! wanted, and what cannot be of the kind that is wanted is refused, since it would refuse every event.

use sqlparser::tokenizer::Location;

use crate::dialect::zenskar::sql::Refusal;

/// What kind of value an expression has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Number,
    Text,
    Boolean,
    /// A property, which may be anything, or what is made of one; NULL too.
    Unknown,
}

/// What is wanted where an expression stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    Anything,
    Number,
    /// What `||` and LIKE take: a number too, written out.
    Text,
    /// True or false.
    Condition,
}

/// An expression as native text, with its kind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Typed {
    pub(super) text: String,
    pub(super) kind: Kind,
}

pub(super) const NO_CONDITION: &str =
    "no condition, whatever the event holds: it is true or false when compared, as in data.key > 0";

impl Kind {
    pub(super) fn of(self, text: impl Into<String>) -> Typed {
        Typed { text: text.into(), kind: self }
    }

    /// The kind of one of several; NULLs are left out of them.
    pub(super) fn common(kinds: &[Kind]) -> Kind {
        match kinds.split_first() {
            Some((first, rest)) if rest.iter().all(|kind| kind == first) => *first,
            _ => Kind::Unknown,
        }
    }
}

impl Typed {
    /// As what is wanted.
    pub(super) fn fitted(self, wanted: Wanted, place: Location) -> Result<Self, Refusal> {
        let message = match (wanted, self.kind) {
            (Wanted::Number, Kind::Boolean) => return Ok(self.into_number()),
            (Wanted::Number, Kind::Text) => {
                "a text, where a number is wanted: toFloat64(x) reads the number in one"
            }
            (Wanted::Text, Kind::Boolean) => {
                "true or false, where a text is wanted: write which one, as in if(c, 'yes', 'no')"
            }
            (Wanted::Condition, Kind::Number | Kind::Text) => NO_CONDITION,
            (Wanted::Anything, _)
            | (Wanted::Number, Kind::Number | Kind::Unknown)
            | (Wanted::Text, Kind::Number | Kind::Text | Kind::Unknown)
            | (Wanted::Condition, Kind::Boolean | Kind::Unknown) => return Ok(self),
        };
        Err(Refusal::new(place, message))
    }

    /// 1 for true and 0 for false; any other kind as it stands.
    pub(super) fn into_number(self) -> Self {
        let Typed { text, kind: Kind::Boolean } = self else { return self };
        Kind::Number.of(match text.as_str() {
            "TRUE" => "1".to_owned(),
            "FALSE" => "0".to_owned(),
            text => format!("CASE WHEN {text} THEN 1 WHEN NOT {text} THEN 0 END"),
        })
    }
}
