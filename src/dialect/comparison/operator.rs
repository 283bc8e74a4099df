//! The names of comparators in any case, with blanks, `_` and `-` alike, and what each stands for.

/// What a comparator does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::dialect) enum Operator {
    /// Joins or turns other comparators.
    Logic(Logic),
    /// `=`, `<>`
    Equality {
        /// Whether it is true where they differ.
        is_negated: bool,
    },
    /// Compares numbers, by the sign that expressions have for it.
    Order(&'static str),
    /// One of a list.
    In {
        /// Whether it is true where none is the one.
        is_negated: bool,
    },
    /// Looks for a text in a text.
    Search {
        /// Whether it is true where it is not found.
        is_negated: bool,
        /// Where it may stand.
        place: Place,
    },
    /// Whether there is a value at all.
    Existence {
        /// Whether it is true where there is none.
        is_negated: bool,
    },
}

/// How conditions are joined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::dialect) enum Logic {
    /// All of them.
    And,
    /// At least one.
    Or,
    /// None of them.
    Not,
}

/// Where in a text another one is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::dialect) enum Place {
    /// Anywhere.
    Anywhere,
    /// At its beginning.
    Start,
    /// At its end.
    End,
}

impl Operator {
    /// The operator of that name; case, blanks, `_` and `-` make no difference.
    pub(in crate::dialect) fn named(name: &str) -> Option<Self> {
        Some(match plain(name).as_str() {
            "AND" | "ALL" => Operator::Logic(Logic::And),
            "OR" | "ANY" => Operator::Logic(Logic::Or),
            "NOT" | "NONE" => Operator::Logic(Logic::Not),
            "EQUALS" | "EQUAL" | "EQUALTO" | "EQ" | "=" | "==" => {
                Operator::Equality { is_negated: false }
            }
            "NOTEQUALS" | "NOTEQUAL" | "NOTEQUALTO" | "NEQ" | "NE" | "!=" | "<>" => {
                Operator::Equality { is_negated: true }
            }
            "GREATERTHAN" | "GT" | ">" => Operator::Order(">"),
            "GREATERTHANOREQUAL"
            | "GREATERTHANOREQUALS"
            | "GREATERTHANOREQUALTO"
            | "GTE"
            | ">=" => Operator::Order(">="),
            "LESSTHAN" | "LT" | "<" => Operator::Order("<"),
            "LESSTHANOREQUAL" | "LESSTHANOREQUALS" | "LESSTHANOREQUALTO" | "LTE" | "<=" => {
                Operator::Order("<=")
            }
            "IN" => Operator::In { is_negated: false },
            "NOTIN" => Operator::In { is_negated: true },
            "CONTAINS" => Operator::Search { is_negated: false, place: Place::Anywhere },
            "NOTCONTAINS" => Operator::Search { is_negated: true, place: Place::Anywhere },
            "STARTSWITH" => Operator::Search { is_negated: false, place: Place::Start },
            "ENDSWITH" => Operator::Search { is_negated: false, place: Place::End },
            "EXISTS" | "ISSET" | "ISNOTNULL" => Operator::Existence { is_negated: false },
            "NOTEXISTS" | "ISNOTSET" | "ISNULL" => Operator::Existence { is_negated: true },
            _ => return None,
        })
    }
}

/// A name in capitals, without blanks, `_` and `-`.
pub(in crate::dialect) fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-'));
    letters.map(|letter| letter.to_ascii_uppercase()).collect()
}
